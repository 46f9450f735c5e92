"""Settings, all from the environment, with defaults that are safe on a laptop (docs/settings.md lists each).

One section per part. A name read from the environment is a constant here with its default beside it.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

env = environ.Env()

ROOT = Path(__file__).resolve().parent.parent

# --- where it lives ---------------------------------------------------------------------------------------------------
SHIPROOM_DATA = Path(env.str("SHIPROOM_DATA", str(ROOT / "var"))).resolve()
SHIPROOM_DATA.mkdir(0o700, parents=True, exist_ok=True)
#: Built trees. Engine processes on several machines name one shared folder.
SHIPROOM_ARTIFACTS = Path(env.str("SHIPROOM_ARTIFACTS", str(SHIPROOM_DATA / "artifacts")))

# --- how people reach it ----------------------------------------------------------------------------------------------
BIND = env.str("BIND", "127.0.0.1")
#: The first port tried; `serve` steps over a taken one and says so.
PORT = env.int("PORT", 8000)
#: What people type into a browser. Without it, `serve` fills in the address it really got.
GIVEN_URL = env.str("PUBLIC_URL", "")
PUBLIC_URL = (GIVEN_URL or f"http://{BIND}:{PORT}").rstrip("/")
_PUBLIC = urlsplit(PUBLIC_URL)
#: https means a proxy in front that speaks TLS: Secure cookies, HSTS, X-Forwarded-Proto. http is for loopback.
IS_PRODUCTION = _PUBLIC.scheme == "https"
ALLOWED_HOSTS = [_PUBLIC.hostname or "localhost", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
#: Addresses of proxies on other machines, whose X-Forwarded-For is believed.
PROXIES = env.list("SHIPROOM_PROXIES", default=[])
ROOT_URLCONF = "chatops.urls"
ASGI_APPLICATION = "chatops.asgi.application"
DEBUG = env.bool("DEBUG", False)


# --- secrets ----------------------------------------------------------------------------------------------------------
def _kept_secret_key() -> str:
    """The secret key of this data folder, made at the first start (0600)."""
    path = SHIPROOM_DATA / "secret_key"
    if not path.exists():
        made = path.with_name(f"secret_key.{os.getpid()}")
        made.touch(0o600)
        made.write_text(secrets.token_urlsafe(50))
        try:
            os.link(made, path)  # whole or not at all; of two first starts one wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", "") or _kept_secret_key()
#: The keys that seal credentials. Production wants them outside the data folder (chatops/checks.py).
SHIPROOM_KEY_FILE = env.str("SHIPROOM_KEY_FILE", "") or str(SHIPROOM_DATA / "keys.json")

#: Logins may name a file below this folder instead of a secret (`file:/run/secrets/web-key`).
SECRET_FILES = env.str("SHIPROOM_SECRET_FILES", "/run/secrets")
#: HashiCorp Vault, for logins that name a field there, and a file with the token to read it with.
VAULT_URL = env.str("SHIPROOM_VAULT_URL", "")
VAULT_TOKEN_FILE = env.str("SHIPROOM_VAULT_TOKEN_FILE", "/run/secrets/vault-token")

# --- the parts --------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "deploy_core",
    "bot",
    "chatops",
    "chatops.room",
    "chatops.accounts",
    "chatops.fleet",
    "chatops.deployments",
    "chatops.slack",
    "chatops.api",
    "chatops.webhooks",
]
MIDDLEWARE = [
    "chatops.middleware.content_security_policy",
    "chatops.middleware.no_nul",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "chatops.accounts.proof.person_with_proof",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "chatops.middleware.Unavailable",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ]
        },
    }
]

# --- database and channel layer ---------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", "")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(DATABASE_URL)
    if DATABASE_URL
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": str(SHIPROOM_DATA / "app.db")}
}
#: One process with its own database file: the engine runs inside `serve`.
IS_EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_EMBEDDED:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(SHIPROOM_DATA / "test.db")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- people and signing in --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "deploy_core.Person"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTH_PASSWORD_VALIDATORS.append({"NAME": "chatops.accounts.passwords.EndsWhatItOpened"})
#: One-time codes that were used, and counts of wrong ones, for all processes.
CACHES = {"default": {"BACKEND": "chatops.accounts.memory.SharedMemory"}}
LOGIN_URL = "/accounts/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/sign-in/"
#: Wrong passwords for one name from one address, and for any names from one address, until it cools off.
AXES_FAILURE_LIMIT = env.int("SHIPROOM_SIGN_IN_FAILURES", 5)
SIGN_IN_FAILURES_PER_ADDRESS = env.int("SHIPROOM_SIGN_IN_FAILURES_PER_ADDRESS", 30)
SIGN_IN_COOL_OFF_S = env.int("SHIPROOM_SIGN_IN_COOL_OFF_S", 900)
#: How long a one-time sign-in link is good for.
SIGN_IN_LINK_S = env.int("SHIPROOM_SIGN_IN_LINK_S", 3600)
#: A delicate act on one's own account asks for password or second step again after so long.
ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("SHIPROOM_ASK_AGAIN_S", 600)
#: A second step given within so long counts as fresh where an environment wants one.
PROOF_S = env.float("SHIPROOM_PROOF_S", 600.0)
#: So many wrong codes in commands within that time, and no further one is looked at.
PROOF_TRIES = env.int("SHIPROOM_PROOF_TRIES", 5)
ACCOUNT_ADAPTER = "chatops.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
MFA_ADAPTER = "chatops.accounts.adapters.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate_webauthn": "chatops.accounts.passkeys.Show",
    "login_webauthn": "chatops.accounts.passkeys.ShowAlone",
    "reauthenticate_webauthn": "chatops.accounts.passkeys.ShowAgain",
    "add_webauthn": "chatops.accounts.passkeys.Add",
}
MFA_TOTP_ISSUER = "Shiproom"
MFA_TOTP_TOLERANCE = 1
MFA_PASSKEY_LOGIN_ENABLED = True
#: Browsers offer passkeys on http for localhost alone.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_PRODUCTION
#: An OpenID Connect provider that people may sign in with: its address, what it knows us by, and its button's text.
OIDC_URL = env.str("SHIPROOM_OIDC_URL", "").rstrip("/")
OIDC_CLIENT_ID = env.str("SHIPROOM_OIDC_CLIENT_ID", "shiproom")
OIDC_CLIENT_SECRET = env.str("SHIPROOM_OIDC_CLIENT_SECRET", "")
OIDC_NAME = env.str("SHIPROOM_OIDC_NAME", "Single sign-on")
#: Whoever it vouches for gets an account, without any grant; else it only lets in who is here already.
OIDC_OPEN = env.bool("SHIPROOM_OIDC_OPEN", False)
#: It gives names to nobody but their owners, so `preferred_username` says who somebody is here.
OIDC_TRUSTS_NAMES = env.bool("SHIPROOM_OIDC_TRUSTS_NAMES", False)
SOCIALACCOUNT_ADAPTER = "chatops.accounts.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = "single"
if OIDC_URL:
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sign-on",
                    "name": OIDC_NAME,
                    "client_id": OIDC_CLIENT_ID,
                    "secret": OIDC_CLIENT_SECRET,
                    "settings": {"server_url": OIDC_URL},
                }
            ],
        }
    }
#: A directory whose passwords are good here too (the extra `ldap`): its address, and where a name stands in it.
LDAP_URL = env.str("SHIPROOM_LDAP_URL", "")
LDAP_PEOPLE = env.str("SHIPROOM_LDAP_PEOPLE", "")
if LDAP_URL:
    AUTHENTICATION_BACKENDS.insert(1, "django_auth_ldap.backend.LDAPBackend")
    AUTH_LDAP_SERVER_URI = LDAP_URL
    AUTH_LDAP_USER_DN_TEMPLATE = LDAP_PEOPLE
    AUTH_LDAP_USER_ATTR_MAP = {"email": "mail"}
    AUTH_LDAP_START_TLS = LDAP_URL.startswith("ldap://")
    AUTH_LDAP_NO_NEW_USERS = not env.bool("SHIPROOM_LDAP_OPEN", False)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "chatops.accounts.throttle.Handler"
AXES_COOLOFF_TIME = "chatops.accounts.throttle.cool_off"
AXES_LOCKOUT_CALLABLE = "chatops.accounts.views.locked_out"
AXES_CLIENT_IP_CALLABLE = "chatops.proxy.client_address"
AXES_RESET_ON_SUCCESS = True
#: Tries during the wait do not make it longer: what the page says stays true.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False

# --- cookies and headers ----------------------------------------------------------------------------------------------
# A `__Host-` cookie comes from this host over TLS and from nowhere else; browsers refuse the prefix on http.
_PREFIX = "__Host-" if IS_PRODUCTION else ""
SESSION_COOKIE_NAME = f"{_PREFIX}session"
CSRF_COOKIE_NAME = f"{_PREFIX}csrf"
LANGUAGE_COOKIE_NAME = f"{_PREFIX}language"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.int("SHIPROOM_SESSION_S", 14 * 24 * 3600)
SECURE_REFERRER_POLICY = "same-origin"
if IS_PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked for on loopback, past the proxy
    SECURE_HSTS_SECONDS = env.int("SHIPROOM_HSTS_S", 365 * 24 * 3600)
    # Subdomains and the browsers' preload list are for the owner of the domain to decide, in the proxy.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
#: Sent by chatops/middleware.py; the name and shape are Django 6's. The one Trusted Types policy, `default`, lets only
#: the empty string through, which is what GoJS needs.
SECURE_CSP: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": ["default"],
}
if OIDC_URL:  # browsers hold the redirect after the button against this too
    SECURE_CSP["form-action"].append("{0.scheme}://{0.netloc}".format(urlsplit(OIDC_URL)))

# --- languages and time -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "chatops" / "locale", ROOT / "bot" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- static files -----------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = SHIPROOM_DATA / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "chatops.assets.HashedStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
#: GoJS draws its evaluation mark without one (README.md).
GOJS_LICENSE_KEY = env.str("GOJS_LICENSE_KEY", "")

# --- logging ----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("SHIPROOM_LOG_LEVEL", "INFO").upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "chatops.logs.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # They tell a story of each connection at INFO.
        **{name: {"level": "WARNING"} for name in ("asyncssh", "daphne", "dbos", "git", "paramiko", "axes")},
        # What they say about a request has its words in it.
        **{name: {"level": "ERROR"} for name in ("slack_bolt", "slack_sdk")},
    },
}

# --- the audit --------------------------------------------------------------------------------------------------------
#: A file that signed heads of the audit chain are appended to; best on another machine's disk.
AUDIT_ANCHORS = env.str("SHIPROOM_AUDIT_ANCHORS", "") or str(SHIPROOM_DATA / "audit-anchors.jsonl")
#: How often, where something was written since.
AUDIT_ANCHOR_S = env.float("SHIPROOM_AUDIT_ANCHOR_S", 3600.0)
#: A room (its slug) that is told each head too: whoever reads it there holds it against the database later.
AUDIT_ROOM = env.str("SHIPROOM_AUDIT_ROOM", "")

# --- what is forgotten ------------------------------------------------------------------------------------------------
#: How often each process that serves drops what is over: sessions, and whatever is older than KEEP_DAYS of what nobody
#: looks back at (sign-ins, answers of servers, notices). Deployments, talk and audit stay.
FORGET_S = env.float("SHIPROOM_FORGET_S", 3600.0)
KEEP_DAYS = env.int("SHIPROOM_KEEP_DAYS", 30)

# --- what a build or a repository may do ------------------------------------------------------------------------------
#: Lets protected environments take builds that are not kept apart from this server's secrets.
SHIPROOM_UNSAFE_BUILDS = env.bool("SHIPROOM_UNSAFE_BUILDS", False)
#: Lets a repository be a folder of this machine, as the demo and the tests do.
SHIPROOM_GIT_FILE_URLS = env.bool("SHIPROOM_GIT_FILE_URLS", False)

# --- the engine: every interval and limit, in seconds and bytes -------------------------------------------------------
#: Ticker of each engine process: heartbeat, queue, what a crash left behind.
TICK_S = env.float("SHIPROOM_TICK_S", 1.0)
#: An engine process that said nothing for so long is dead or frozen: its work is taken over.
EXECUTOR_SILENT_S = env.float("SHIPROOM_EXECUTOR_SILENT_S", 10.0)
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # A process that freezes within a transaction, or whose machine is gone, keeps nobody else from its rows for longer.
    _patience = f"-c idle_in_transaction_session_timeout={int(EXECUTOR_SILENT_S * 1000)}"
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", _patience)
#: How often a worker looks for work in the queue. An embedded engine is woken, and finds there only what an older one
#: left.
ENGINE_POLL_S = env.float("SHIPROOM_ENGINE_POLL_S", 10.0 if IS_EMBEDDED else 0.2)
#: How many deployments one process works on at once.
ENGINE_CONCURRENCY = env.int("SHIPROOM_ENGINE_CONCURRENCY", 8)
#: How many deployments all processes together work on at once; 0: as many as they can.
ENGINE_LIMIT = env.int("SHIPROOM_ENGINE_LIMIT", 0)
#: The same as the next for `manage.py worker`, which nobody waits for at a keyboard.
WORKER_STOP_S = env.float("SHIPROOM_WORKER_STOP_S", 20.0)
#: On the way out, how long a step in hand may take to end before it is interrupted (it runs again after the start).
ENGINE_STOP_S = env.float("SHIPROOM_ENGINE_STOP_S", 3.0)
#: How often a running step looks whether somebody cancelled it.
STOP_POLL_S = env.float("SHIPROOM_STOP_POLL_S", 0.2)
#: How many servers of one deployment are worked on at once.
SERVERS_AT_ONCE = env.int("SHIPROOM_SERVERS_AT_ONCE", 32)
#: How often an upload says how far it is.
PROGRESS_S = env.float("SHIPROOM_PROGRESS_S", 0.25)
#: How long a step that failed rests before it is tried again, where deploy.yml asks for that.
RETRY_WAIT_S = env.float("SHIPROOM_RETRY_WAIT_S", 1.0)
#: How long a running deployment waits for a database that is busy or away before it gives up.
DATABASE_PATIENCE_S = env.float("SHIPROOM_DATABASE_PATIENCE_S", 60.0)
#: What a person asked that needs the world is given up after so long.
ERRAND_S = env.float("SHIPROOM_ERRAND_S", 120.0)
#: Hosts that our requests (webhooks, the API of a git host) may reach on this machine or in a network of its own.
INTERNAL_HOSTS = env.list("SHIPROOM_INTERNAL_HOSTS", default=[])
#: How long such a request may take.
HTTP_TIMEOUT_S = env.float("SHIPROOM_HTTP_TIMEOUT_S", 10.0)
#: How often the checks of a revision that waits for them are asked for, and when they are given up.
CHECKS_POLL_S = env.float("SHIPROOM_CHECKS_POLL_S", 15.0)
CHECKS_WAIT_S = env.float("SHIPROOM_CHECKS_WAIT_S", 3600.0)
CONNECT_TIMEOUT_S = env.float("SHIPROOM_CONNECT_TIMEOUT_S", 10.0)
GIT_TIMEOUT_S = env.float("SHIPROOM_GIT_TIMEOUT_S", 120.0)
#: A mirror that would become larger than this is not fetched.
GIT_LIMIT_BYTES = env.int("SHIPROOM_GIT_LIMIT_BYTES", 4 * 1024**3)
#: Names of git servers that may be on this machine, or on a network that only it reaches.
GIT_INTERNAL_HOSTS = env.list("SHIPROOM_GIT_INTERNAL_HOSTS", default=[])
#: Output is stored at the latest so long after it was printed.
LOG_FLUSH_S = env.float("SHIPROOM_LOG_FLUSH_S", 0.1)
#: A step that prints more ends with reason `output_limit`.
LOG_LIMIT_BYTES = env.int("SHIPROOM_LOG_LIMIT_BYTES", 10 * 1024 * 1024)
#: How much of what was printed `/logs` looks through, from the end.
LOG_SEARCH_BYTES = env.int("SHIPROOM_LOG_SEARCH_BYTES", 4 * 1024 * 1024)

# --- safety: how long what people do holds, in seconds ----------------------------------------------------------------
#: A lock whose owner named no end.
LOCK_S = env.float("SHIPROOM_LOCK_S", 8 * 3600.0)
#: How long `/mute` holds when the line names no time.
MUTE_S = env.float("SHIPROOM_MUTE_S", 8 * 3600.0)
#: The author of a deployment to a protected environment confirms it within so long, or it expires.
CONFIRM_S = env.float("SHIPROOM_CONFIRM_S", 60.0)
#: A deployment waits so long for its approvals; a scheduled one at most until it is due.
APPROVAL_S = env.float("SHIPROOM_APPROVAL_S", 24 * 3600.0)
#: A schedule that no engine saw for so long after it was due is not run any more.
SCHEDULE_LATE_S = env.float("SHIPROOM_SCHEDULE_LATE_S", 900.0)

# --- the room: every interval and limit -------------------------------------------------------------------------------
#: Threads (and so database connections) that a web process gives to its sockets and long polls.
ROOM_DB_THREADS = env.int("SHIPROOM_ROOM_DB_THREADS", 6)
#: How often a web process asks for the heads of its open streams, to heal what was not rung; and while Redis is away.
HUB_TICK_S = env.float("SHIPROOM_HUB_TICK_S", 1.0)
HUB_TICK_SUSPECT_S = env.float("SHIPROOM_HUB_TICK_SUSPECT_S", 0.25)
#: The wall asks for news this often, and says that the line is lost when nothing came for three times as long.
WALL_S = env.float("SHIPROOM_WALL_S", 2.0)
#: The board asks this often, and at once when something happens in a room of its reader's.
BOARD_S = env.float("SHIPROOM_BOARD_S", 10.0)
#: A failure is loud on the wall for so long.
WALL_NEWS_S = env.float("SHIPROOM_WALL_NEWS_S", 6 * 3600.0)
#: A socket on which nothing came for so long is pinged, and dropped when it does not answer in time.
PING_S = env.float("SHIPROOM_PING_S", 20.0)
PING_TIMEOUT_S = env.float("SHIPROOM_PING_TIMEOUT_S", 30.0)
#: Pages ping, and get every head, this often.
HEARTBEAT_S = env.float("SHIPROOM_HEARTBEAT_S", 15.0)
#: A socket that did not say hello by then is closed (4408).
HELLO_TIMEOUT_S = env.float("SHIPROOM_HELLO_TIMEOUT_S", 10.0)
#: Sessions and rights behind open sockets are looked at this often, and cached this long between.
RECHECK_S = env.float("SHIPROOM_RECHECK_S", 4.0)
FRAME_LIMIT_BYTES = env.int("SHIPROOM_FRAME_LIMIT_BYTES", 64 * 1024)
TEXT_LIMIT = env.int("SHIPROOM_TEXT_LIMIT", 8_000)
#: How many of the newest messages one search in rooms looks through; another goes on from there.
SEARCH_ROWS = env.int("SHIPROOM_SEARCH_ROWS", 20_000)
#: Lines that one person may send: so many per window.
SEND_RATE = env.int("SHIPROOM_SEND_RATE", 10)
SEND_RATE_WINDOW_S = env.float("SHIPROOM_SEND_RATE_WINDOW_S", 5.0)
#: Everything that one person may ask for, over all their connections, per window.
ASK_RATE = env.int("SHIPROOM_ASK_RATE", 300)
#: A command that waited longer is not run.
COMMAND_TTL_S = env.float("SHIPROOM_COMMAND_TTL_S", 15.0)
#: A person who reloads the page, or whose connection blinks, is not gone before this.
PRESENCE_LINGER_S = env.float("SHIPROOM_PRESENCE_LINGER_S", 3.0)
#: Whoever has not typed for so long does not type.
TYPING_S = env.float("SHIPROOM_TYPING_S", 6.0)
SOCKETS_PER_PERSON = env.int("SHIPROOM_SOCKETS_PER_PERSON", 10)
#: And so many requests of the long poll.
POLLS_PER_PERSON = env.int("SHIPROOM_POLLS_PER_PERSON", 20)
#: A reader with more unread bytes is dropped (4413); it comes back with its cursor.
BACKLOG_LIMIT_BYTES = env.int("SHIPROOM_BACKLOG_LIMIT_BYTES", 1024 * 1024)
#: Send by plain ASGI messages even where bytes could be written to the socket directly.
FORCE_PLAIN_WIRE = env.bool("SHIPROOM_FORCE_PLAIN_WIRE", False)
#: How long a long poll waits for news.
POLL_WAIT_S = env.float("SHIPROOM_POLL_WAIT_S", 25.0)
#: A private reply is shown again after a reload for so long.
PRIVATE_REPLY_S = env.float("SHIPROOM_PRIVATE_REPLY_S", 24 * 3600.0)
#: `manage.py say --wait` looks this often, and gives up when no engine was alive for so long.
SAY_POLL_S = env.float("SHIPROOM_SAY_POLL_S", 0.2)
NO_ENGINE_S = env.float("SHIPROOM_NO_ENGINE_S", 15.0)

# --- the HTTP API -----------------------------------------------------------------------------------------------------
#: Requests of one token, per window; the next one is answered 429 with the seconds to wait.
API_RATE = env.int("SHIPROOM_API_RATE", 120)
API_RATE_WINDOW_S = env.int("SHIPROOM_API_RATE_WINDOW_S", 60)
#: The longest life of a token.
TOKEN_MOST_DAYS = env.int("SHIPROOM_TOKEN_MOST_DAYS", 365)
#: A form that makes a secret and is sent again within so long is a button pressed twice, of which the browser shows the
#: second answer: there is one token or hook, and its secret is seen.
PRESSED_TWICE_S = env.float("SHIPROOM_PRESSED_TWICE_S", 60.0)
#: Requests without a good token that are written to the audit log, per minute and process; all are answered 401.
API_REFUSALS_KEPT = env.int("SHIPROOM_API_REFUSALS_KEPT", 30)

# --- webhooks ---------------------------------------------------------------------------------------------------------
#: Deliveries that no hook signed and that are written to the audit log, per minute and process; all are answered 401.
HOOK_REFUSALS_KEPT = env.int("SHIPROOM_HOOK_REFUSALS_KEPT", 30)
#: How often what is to be told outside is looked for, besides when something happens, and how much at once.
HOOK_TICK_S = env.float("SHIPROOM_HOOK_TICK_S", 1.0)
HOOK_BATCH = env.int("SHIPROOM_HOOK_BATCH", 40)
#: A delivery that did not arrive is tried so often, after so long, twice as long each time, at most after so long.
HOOK_ATTEMPTS = env.int("SHIPROOM_HOOK_ATTEMPTS", 10)
HOOK_RETRY_S = env.float("SHIPROOM_HOOK_RETRY_S", 5.0)
HOOK_RETRY_MOST_S = env.float("SHIPROOM_HOOK_RETRY_MOST_S", 3600.0)
#: One person keeps so many addresses that are told.
HOOKS_PER_PERSON = env.int("SHIPROOM_HOOKS_PER_PERSON", 20)
#: What was delivered, or given up, stays in the log for so long.
HOOK_KEEP_DAYS = env.int("SHIPROOM_HOOK_KEEP_DAYS", 30)

# --- Slack (docs/slack.md): who we are there, and every interval and limit --------------------------------------------
SLACK_CLIENT_ID = env.str("SHIPROOM_SLACK_CLIENT_ID", "")
SLACK_CLIENT_SECRET = env.str("SHIPROOM_SLACK_CLIENT_SECRET", "")
#: Without it `/slack/events` does not exist.
SLACK_SIGNING_SECRET = env.str("SHIPROOM_SLACK_SIGNING_SECRET", "")
#: Socket Mode: the app's own token, and the bot's where no browser can come back from Slack.
SLACK_APP_TOKEN = env.str("SHIPROOM_SLACK_APP_TOKEN", "")
SLACK_BOT_TOKEN = env.str("SHIPROOM_SLACK_BOT_TOKEN", "")
SLACK_API_URL = env.str("SHIPROOM_SLACK_API_URL", "https://slack.com/api/")
SLACK_HOOKS_URL = env.str("SHIPROOM_SLACK_HOOKS_URL", "https://hooks.slack.com/")
SLACK_AUTHORIZE_URL = env.str("SHIPROOM_SLACK_AUTHORIZE_URL", "https://slack.com/oauth/v2/authorize")
#: The language of messages that a whole channel reads.
SLACK_LANGUAGE = env.str("SHIPROOM_SLACK_LANGUAGE", "en")
#: A command that is not answered by then is acknowledged without its answer, which follows (Slack waits 3 s).
SLACK_ACK_S = env.float("SHIPROOM_SLACK_ACK_S", 0.1)
#: A request that waited longer before we came to it is not run: Slack has told its author that it failed.
SLACK_LATE_S = env.float("SHIPROOM_SLACK_LATE_S", 2.5)
#: What Slack was told we work on and nobody answered for so long was left by a process that died: another answers it.
SLACK_STRAY_S = env.float("SHIPROOM_SLACK_STRAY_S", 5.0)
#: Threads that work on what Slack sends.
SLACK_THREADS = env.int("SHIPROOM_SLACK_THREADS", 8)
#: Socket Mode: how often the line is looked at, and opened again when it was cut.
SLACK_PING_S = env.float("SHIPROOM_SLACK_PING_S", 5.0)
SLACK_TIMEOUT_S = env.float("SHIPROOM_SLACK_TIMEOUT_S", 10.0)
#: How often a process looks for what Slack was not told, when nothing woke it.
SLACK_TICK_S = env.float("SHIPROOM_SLACK_TICK_S", 1.0)
#: One process sends to a workspace; another one takes over when it said nothing for so long.
SLACK_LEASE_S = env.float("SHIPROOM_SLACK_LEASE_S", 45.0)
#: Between two messages in a channel, and between two edits of a message: the second grows up to the third, and so
#: many edits of a message are made for nothing but steps.
SLACK_POST_GAP_S = env.float("SHIPROOM_SLACK_POST_GAP_S", 1.0)
SLACK_EDIT_GAP_S = env.float("SHIPROOM_SLACK_EDIT_GAP_S", 2.0)
SLACK_EDIT_GAP_MOST_S = env.float("SHIPROOM_SLACK_EDIT_GAP_MOST_S", 3600.0)
SLACK_STEP_EDITS = env.int("SHIPROOM_SLACK_STEP_EDITS", 7)
#: Edits per minute and workspace; Slack takes 50.
SLACK_EDITS_PER_MINUTE = env.int("SHIPROOM_SLACK_EDITS_PER_MINUTE", 40)
#: What failed is tried again after so long, doubled each time up to the second.
SLACK_RETRY_S = env.float("SHIPROOM_SLACK_RETRY_S", 2.0)
SLACK_RETRY_MOST_S = env.float("SHIPROOM_SLACK_RETRY_MOST_S", 300.0)
#: Nobody knows whether Slack has a message: after so long it is looked for, or sent once more where it may not be.
SLACK_UNSURE_S = env.float("SHIPROOM_SLACK_UNSURE_S", 5.0)
#: What waits for Slack longer than this is told in the rooms, once.
SLACK_BEHIND_S = env.float("SHIPROOM_SLACK_BEHIND_S", 300.0)
#: A success that took longer is told its author in the thread.
SLACK_SLOW_S = env.float("SHIPROOM_SLACK_SLOW_S", 120.0)
#: How long a link that ties a Slack account to a person is good for, and how long answers to requests are kept.
SLACK_LINK_S = env.int("SHIPROOM_SLACK_LINK_S", 600)
SLACK_KEEP_S = env.int("SHIPROOM_SLACK_KEEP_S", 24 * 3600)
#: And how long messages that were sent, but for those of deployments.
SLACK_KEEP_DAYS = env.int("SHIPROOM_SLACK_KEEP_DAYS", 30)
#: How long we remember what a Slack user is called.
SLACK_NAME_S = env.float("SHIPROOM_SLACK_NAME_S", 3600.0)
#: How often somebody is told that the room does not show what they say in its channel.
SLACK_HINT_S = env.float("SHIPROOM_SLACK_HINT_S", 600.0)
#: Refused requests of one kind are written into the audit chain at most this often, with their count.
SLACK_AUDIT_S = env.float("SHIPROOM_SLACK_AUDIT_S", 60.0)

# --- the web server ---------------------------------------------------------------------------------------------------
#: Origins besides PUBLIC_URL's that are this very server; `serve` fills it in when PUBLIC_URL is not set.
OWN_ORIGINS: tuple[str, ...] = ()
BODY_LIMIT_BYTES = env.int("SHIPROOM_BODY_LIMIT_BYTES", 1024 * 1024)
#: A request whose head is not complete by then is dropped, and so is an idle connection.
HEADER_TIMEOUT_S = env.float("SHIPROOM_HEADER_TIMEOUT_S", 10.0)
#: And one whose body is not complete so long after its head. The largest arrives in time by a line of 20 KiB/s.
BODY_TIMEOUT_S = env.float("SHIPROOM_BODY_TIMEOUT_S", 60.0)
IDLE_TIMEOUT_S = env.float("SHIPROOM_IDLE_TIMEOUT_S", 60.0)
#: How long Ctrl-C waits for what runs, before the process ends anyway.
STOP_LIMIT_S = env.float("SHIPROOM_STOP_LIMIT_S", 4.5)
