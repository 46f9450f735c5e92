"""Settings, all from the environment, with defaults that are safe on a laptop (docs/settings.md lists each)."""

import secrets
from pathlib import Path
from typing import Any

import environ

env = environ.Env()

ROOT = Path(__file__).resolve().parent.parent
SHIPROOM_DATA = Path(env.str("SHIPROOM_DATA", str(ROOT / "var"))).resolve()
SHIPROOM_DATA.mkdir(parents=True, exist_ok=True)
DEBUG = env.bool("DEBUG", False)


def _kept_secret_key() -> str:
    """The secret key of this data folder, made at the first start (0600)."""
    path = SHIPROOM_DATA / "secret_key"
    if not path.exists():
        path.touch(0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", "") or _kept_secret_key()
SHIPROOM_KEY_FILE = env.str("SHIPROOM_KEY_FILE", "") or str(SHIPROOM_DATA / "keys.json")
SHIPROOM_ARTIFACTS = Path(env.str("SHIPROOM_ARTIFACTS", str(SHIPROOM_DATA / "artifacts")))
GOJS_LICENSE_KEY = env.str("GOJS_LICENSE_KEY", "")
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000")
REDIS_URL = env.str("REDIS_URL", "")
SHIPROOM_UNSAFE_BUILDS = env.bool("SHIPROOM_UNSAFE_BUILDS", False)
SHIPROOM_GIT_FILE_URLS = env.bool("SHIPROOM_GIT_FILE_URLS", False)

_IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = [PUBLIC_URL.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0], "127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "deploy_core",
    "bot",
    "chatops",
    "chatops.room",
    "chatops.accounts",
    "chatops.fleet",
    "chatops.deployments",
    "chatops.slack",
    "chatops.api",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "chatops.urls"
ASGI_APPLICATION = "chatops.asgi.application"
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

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", f"sqlite:///{SHIPROOM_DATA / 'app.db'}")
}
IS_EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_EMBEDDED:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(SHIPROOM_DATA / "test.db")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

AUTH_USER_MODEL = "deploy_core.Person"
LOGIN_URL = "/accounts/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/sign-in/"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "chatops" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = SHIPROOM_DATA / "static"
STATICFILES_DIRS = [ROOT / "static"]

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
