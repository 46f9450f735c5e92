"""Secrets at rest: AES-GCM under a key that lives in a file, never in the database.

The key ring is JSON, `{"primary": "k1", "keys": {"k1": "<base64, 32 bytes>"}}`, mode 0600; new texts use the primary
key, old ones name theirs. Each text is bound to its row by `about`: copied elsewhere it does not open. The text says
what it is about, so that keys are changed without knowing every row's (deploy_core/keyring.py); whoever opens it says
it too.
"""

import base64
import binascii
import fcntl
import hmac
import json
import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from deploy_core.errors import DeployError

logger = logging.getLogger(__name__)

_KEY_BYTES = 32
_NONCE_BYTES = 12


class SealError(DeployError):
    """A sealed text does not open, or the key ring is no key ring. `params` name the key's id, never a key."""

    code = "sealed_otherwise"


def seal(data: bytes, *, about: str) -> str:
    """`data` as text for a row; `about` says which row and field it belongs to (`credential:5:key`).

    Raises:
        SealError: the key ring cannot be read (or made).
    """
    key_id, keys = _ring()
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(keys[key_id]).encrypt(nonce, data, about.encode())
    return f"v1.{key_id}.{_text(about.encode())}.{_text(sealed)}"


def open_(text: str, *, about: str) -> bytes:
    """What was sealed.

    Raises:
        SealError: `key_missing` when the ring does not hold its key; `sealed_otherwise` when the key is another one of
            that name, the text was changed, or it was sealed about something else.
    """
    key_id, said, encoded = _parts(text)
    if not encoded or said not in (about, None):
        raise SealError(key=key_id, about=about)
    _, keys = _ring()
    if key_id not in keys:
        raise SealError("key_missing", key=key_id, file=settings.SHIPROOM_KEY_FILE)
    try:
        sealed = base64.urlsafe_b64decode(encoded)
        return AESGCM(keys[key_id]).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError) as error:
        raise SealError(key=key_id, about=about) from error


def key_of(text: str) -> str:
    """The id of the key that `text` is sealed with, "" when it is not sealed."""
    return _parts(text)[0]


def file() -> str:
    """Where the ring is."""
    return str(settings.SHIPROOM_KEY_FILE)


def try_open(text: str) -> None:
    """Open a text about whatever it says it is.

    Raises:
        SealError: it does not open.
    """
    said = _parts(text)[1]
    if said is not None:  # one of the first form does not say
        open_(text, about=said)


def reseal(text: str) -> str:
    """`text` under the key that is primary now, about the same.

    Raises:
        SealError: it does not open, or it is of the first form, which did not say what it was about.
    """
    said = _parts(text)[1]
    if said is None:
        raise SealError("sealed_of_old", key=key_of(text))
    return seal(open_(text, about=said), about=said)


def _parts(text: str) -> tuple[str, str | None, str]:
    """The key's id, what it is about (None: of the first form, which does not say), and the sealed bytes as text."""
    match text.split("."):
        case ["v1", key_id, encoded]:
            return key_id, None, encoded
        case ["v1", key_id, said, encoded]:
            try:
                return key_id, base64.urlsafe_b64decode(said).decode(), encoded
            except ValueError:
                return key_id, "", ""
    return "", "", ""


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def key_ids() -> tuple[str, list[str]]:
    """The primary key's id, and all of them in the order of the file, the oldest first."""
    primary, keys = _ring()
    return primary, list(keys)


def add_key() -> str:
    """A new key at the end of the ring, not used yet; its id."""
    key_id = secrets.token_hex(4)
    with _alone() as path:
        primary, keys = _ring()
        _write(path, primary, keys | {key_id: os.urandom(_KEY_BYTES)})
    return key_id


def use_key(key_id: str) -> None:
    """Make a key of the ring the primary one."""
    with _alone() as path:
        _, keys = _ring()
        if key_id not in keys:
            raise SealError("key_missing", key=key_id, file=str(path))
        _write(path, key_id, keys)


def drop_key(key_id: str) -> None:
    """Take a key off the ring that nothing is sealed with any more (whoever calls has looked)."""
    with _alone() as path:
        primary, keys = _ring()
        if key_id not in keys or key_id == primary:
            raise SealError("key_missing", key=key_id, file=str(path))
        _write(path, primary, {name: key for name, key in keys.items() if name != key_id})


@contextmanager
def _alone() -> Iterator[Path]:
    """The ring's file, changed by one at a time: who reads it in here writes what nobody else changed meanwhile.

    The folder is what is locked: the file is another one after each change.
    """
    path = Path(settings.SHIPROOM_KEY_FILE)
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SealError("key_file_unreadable", file=str(path), problem=error.strerror or str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(handle)


def sign(data: bytes, *, about: str) -> str:
    """A signature of `data`, good while the key ring holds the key that is primary now.

    Raises:
        SealError: the key ring cannot be read (or made).
    """
    key_id, keys = _ring()
    return f"{key_id}.{_mac(keys[key_id], data, about)}"


def is_signed(signature: str, data: bytes, *, about: str) -> bool | None:
    """Whether `signature` is one of `data`; None when the ring does not hold its key any more."""
    key_id, _, given = signature.partition(".")
    _, keys = _ring()
    if key_id not in keys:
        return None
    return hmac.compare_digest(given.encode(), _mac(keys[key_id], data, about).encode())


def _mac(key: bytes, data: bytes, about: str) -> str:
    # A key of its own, made from the ring's: the same bytes are never used for two things.
    own = hmac.digest(key, b"sign:" + about.encode(), "sha256")
    return hmac.new(own, data, "sha256").hexdigest()


def _ring() -> tuple[str, dict[str, bytes]]:
    """The primary key's id, and all keys by id."""
    path = Path(settings.SHIPROOM_KEY_FILE)
    try:
        if not path.exists():
            _make(path)
        stat = path.stat()
        # Two changes may fall into one tick of the file system's clock; each makes another file.
        return _read(path, (stat.st_ino, stat.st_mtime_ns), stat.st_mode)
    except OSError as error:  # another user's file, a folder in its place, a full disk
        raise SealError("key_file_unreadable", file=str(path), problem=error.strerror or str(error)) from error


@lru_cache(maxsize=4)
def _read(path: Path, which: tuple[int, int], mode: int) -> tuple[str, dict[str, bytes]]:
    """Read again whenever the file changed."""
    if mode & 0o077:
        raise SealError("key_file_open", file=str(path), mode=f"{mode & 0o777:o}")
    try:
        ring = json.loads(path.read_bytes())
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in ring["keys"].items()}
        primary = str(ring["primary"])
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        raise SealError("key_file_wrong", file=str(path)) from error
    if primary not in keys or any(len(key) != _KEY_BYTES or "." in name for name, key in keys.items()):
        raise SealError("key_file_wrong", file=str(path))
    return primary, keys


def _make(path: Path) -> None:
    """A new ring in the data folder; elsewhere somebody meant a file that is not there.

    Two processes may start at once: link(2) lets the first one win, and both read what it wrote.
    """
    is_kept_with_data = path.parent == Path(settings.SHIPROOM_DATA)
    if not is_kept_with_data or settings.PUBLIC_URL.startswith("https://"):
        raise SealError("key_file_missing", file=str(path))
    key_id = secrets.token_hex(4)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _write_beside(path, key_id, {key_id: os.urandom(_KEY_BYTES)})
    try:
        os.link(part, path)
    except FileExistsError:
        return
    finally:
        os.unlink(part)
    logger.warning("made a key ring in %s: keep a copy, apart from the database; production needs it elsewhere", path)


def _write(path: Path, primary: str, keys: dict[str, bytes]) -> None:
    """Put another ring in the place of the one that is there, whole or not at all."""
    before = path.stat()
    part = _write_beside(path, primary, keys)
    if os.geteuid() == 0:
        os.chown(part, before.st_uid, before.st_gid)
    os.replace(part, path)
    _read.cache_clear()


def _write_beside(path: Path, primary: str, keys: dict[str, bytes]) -> str:
    ring = {"primary": primary, "keys": {name: base64.b64encode(key).decode() for name, key in keys.items()}}
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # 0600
    with os.fdopen(handle, "w") as file:
        json.dump(ring, file)
        file.flush()
        os.fsync(file.fileno())
    return part
