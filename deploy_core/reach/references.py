"""Secrets that are kept elsewhere: what is stored is where they are, and they are read when they are used.

`file:/run/secrets/web-key` is a file below SECRET_FILES; `vault:secret/data/web#password` a field of HashiCorp Vault
(the extra `vault`). Keys that an SSH agent holds need neither: that is a kind of login of its own.
"""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from deploy_core.errors import LoginError

LIMIT_BYTES = 64 * 1024
_KINDS = ("file:", "vault:")


def is_one(text: str) -> bool:
    """Whether `text` says where a secret is, and is none itself."""
    return text.startswith(_KINDS) and "\n" not in text.strip()


def read(text: str) -> str:
    """The secret that `text` leads to; `text` itself when it is no reference.

    Raises:
        LoginError: `reference_unreadable`, with the reference and why: never with what was read.
    """
    if not is_one(text):
        return text
    kind, _, place = text.strip().partition(":")
    found = _file(text, place) if kind == "file" else _vault(text, place)
    if len(found) > LIMIT_BYTES:
        raise _unreadable(text, "too large")
    return found.rstrip("\n") if "-----BEGIN" not in found else found


def _file(text: str, place: str) -> str:
    # Whoever manages logins must not make this server read its own keys and send them to a server of theirs.
    allowed, path = Path(settings.SECRET_FILES).resolve(), Path(place)
    try:
        real = path.resolve(strict=True)
        if not path.is_absolute() or not real.is_relative_to(allowed) or not real.is_file():
            raise _unreadable(text, f"not below {allowed}")
        with real.open("rb") as file:
            return file.read(LIMIT_BYTES + 1).decode()
    except OSError as error:
        raise _unreadable(text, error.strerror or "unreadable") from error
    except UnicodeDecodeError as error:
        raise _unreadable(text, "no text") from error


def _vault(text: str, place: str) -> str:
    where, _, field = place.partition("#")
    url = settings.VAULT_URL
    if urlsplit(url).scheme not in ("http", "https") or not where or not field:
        raise _unreadable(text, "SHIPROOM_VAULT_URL is not set" if not url else "write it like vault:path#field")
    try:
        import hvac
    except ImportError as error:
        raise _unreadable(text, "the extra `vault` is not installed") from error
    try:
        token = Path(settings.VAULT_TOKEN_FILE).read_text().strip()
        answer = hvac.Client(url=url, token=token, timeout=settings.CONNECT_TIMEOUT_S).read(where.strip("/"))
        data = (answer or {})["data"]
        return str(data.get("data", data)[field])  # the second version of its store wraps once more
    except (hvac.exceptions.VaultError, OSError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise _unreadable(text, type(error).__name__) from error


def _unreadable(text: str, why: str) -> LoginError:
    return LoginError("reference_unreadable", reference=text.strip()[:200], why=why, server="")
