"""Host keys and private keys: reading, comparing, naming."""

import base64
import binascii
import hashlib
import io

import paramiko

from deploy_core.errors import LoginError
from deploy_core.reach.connection import HostKey

KEY_BYTES = 64 * 1024


def fingerprint(line: str) -> str:
    """`SHA256:…`, as `ssh-keygen -l` prints it, of a key line `type base64`.

    Raises:
        ValueError: it is not such a line.
    """
    try:
        blob = base64.b64decode(line.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise ValueError("expected: type base64") from error
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()


def short(line: str) -> str:
    """The fingerprint of a stored line, or the line's beginning when somebody stored something else."""
    try:
        return fingerprint(line)
    except ValueError:
        return line[:60]


def host_key(key: paramiko.PKey) -> HostKey:
    line = f"{key.get_name()} {key.get_base64()}"
    return HostKey(line, fingerprint(line))


def load_key(pem: bytes, passphrase: str = "", *, server: str = "") -> paramiko.PKey:
    """The private key in `pem`.

    Raises:
        LoginError: code `key_unreadable`; `reason` says what it is instead (`empty`, `too_large`, `putty`, `public`,
            `not_a_key`, `needs_passphrase`, `damaged`). The content is never echoed.
    """
    reason = _why_no_key(pem)
    if not reason:
        text = pem.decode("ascii", "replace")
        reason = "damaged"
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            try:
                return kind.from_private_key(io.StringIO(text), password=passphrase or None)
            except paramiko.PasswordRequiredException:
                reason = "needs_passphrase"
                break
            except (paramiko.SSHException, ValueError, TypeError, IndexError):
                continue
    raise LoginError("key_unreadable", server=server, reason=reason)


def _why_no_key(pem: bytes) -> str:
    if not pem.strip():
        return "empty"
    if len(pem) > KEY_BYTES:
        return "too_large"
    if pem.startswith(b"PuTTY-User-Key-File"):
        return "putty"
    if pem.startswith((b"ssh-", b"ecdsa-", b"-----BEGIN PUBLIC", b"---- BEGIN SSH2 PUBLIC")):
        return "public"
    if b"PRIVATE KEY-----" not in pem:
        return "not_a_key"
    return ""
