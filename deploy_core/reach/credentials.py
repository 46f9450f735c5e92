"""From a `Credential` row to a `Login`, and back: what is sealed never stands in a row, a log or an error."""

import json

from deploy_core import sealing
from deploy_core.errors import ReachError
from deploy_core.models import Credential, Server

from . import references, ssh
from .connection import AgentLogin, Hop, KeyLogin, Login, PasswordLogin, ServerAddress

#: The most servers that lie on the way to one; more is a circle.
HOPS_LIMIT = 8


def address(server: Server, *, hops: int = HOPS_LIMIT) -> ServerAddress:
    """Where a server is, which host key it must show, and the way there.

    Raises:
        ReachError: `jump_circle`: the way leads through more than `HOPS_LIMIT` servers.
        SealError: a login on the way does not open.
    """
    if not hops:
        raise ReachError("jump_circle", server=server.name)
    jump = server.jump
    way = Hop(address(jump, hops=hops - 1), login(jump.credential)) if jump else None
    return ServerAddress(server.name, server.host, server.port, server.user, server.host_key, way)


def on_the_way(server: Server) -> list[str]:
    """The secrets of the logins that reaching `server` uses, its own among them: all that must be masked."""
    secrets = secrets_of(server.credential)
    jump, hops = server.jump, HOPS_LIMIT
    while jump and hops:
        secrets += secrets_of(jump.credential)
        jump, hops = jump.jump, hops - 1
    return secrets


def login(credential: Credential | None) -> Login:
    """How to log in; no credential means the agent's keys.

    Raises:
        SealError: it was sealed under another key, or for another row.
        LoginError: `reference_unreadable`: it is kept elsewhere, and not there.
    """
    if credential is None or credential.kind == Credential.Kind.AGENT:
        return AgentLogin()
    opened = sealing.open_(credential.sealed, about=_about(credential))
    if credential.kind == Credential.Kind.PASSWORD:
        return PasswordLogin(references.read(opened.decode()))
    key = json.loads(opened)
    return KeyLogin(references.read(key["pem"]).encode(), key["passphrase"])


def secrets_of(credential: Credential | None) -> list[str]:
    """What must be masked wherever this credential is used."""
    match login(credential):
        case PasswordLogin(password):
            return [password]
        case KeyLogin(pem, passphrase):
            return [pem.decode(), *([passphrase] if passphrase else [])]
        case _:
            return []


def keep_key(credential: Credential, pem: bytes, passphrase: str = "") -> None:
    """Seal a private key, or a reference to one, into a saved row's `sealed` and `fingerprint`; the caller saves.

    Raises:
        LoginError: `key_unreadable`, with the reason.
    """
    reference = pem.decode(errors="replace").strip()
    is_elsewhere = references.is_one(reference)
    key = None if is_elsewhere else ssh.load_key(pem, passphrase)
    credential.kind = Credential.Kind.KEY
    text = json.dumps({"pem": pem.decode("ascii"), "passphrase": passphrase})
    credential.sealed = sealing.seal(text.encode(), about=_about(credential))
    credential.fingerprint = ssh.fingerprint(f"{key.get_name()} {key.get_base64()}") if key else reference[:128]


def keep_password(credential: Credential, password: str) -> None:
    """Seal a password, or a reference to one, into a saved row's `sealed`; the caller saves."""
    credential.kind = Credential.Kind.PASSWORD
    credential.sealed = sealing.seal(password.encode(), about=_about(credential))
    credential.fingerprint = password.strip()[:128] if references.is_one(password) else ""


def _about(credential: Credential) -> str:
    if credential.pk is None:
        raise ValueError("a credential is sealed to its row: save it first")
    return f"credential:{credential.pk}:{credential.kind}"
