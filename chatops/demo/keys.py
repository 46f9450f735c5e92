"""The demo's keys, made once below its folder and used again: one per server, one to log in with, and one password."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)


@dataclass(frozen=True, slots=True)
class Key:
    """An ed25519 key: `private` in OpenSSH's PEM, `public` as `ssh-ed25519 AAAA…`."""

    private: str
    public: str


class Keys:
    """What lies in the folder; whatever is missing is made (0600)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def client(self) -> Key:
        """What Shiproom logs in with."""
        return self._key("client")

    def host(self, server: str) -> Key:
        """What a server shows."""
        return self._key(f"host-{server}")

    def password(self) -> str:
        """What the one server without keys asks for."""
        return self._kept("password", lambda: secrets.token_urlsafe(18))

    def _key(self, name: str) -> Key:
        private = self._kept(name, _new_key)
        loaded = load_ssh_private_key(private.encode(), password=None)
        public = loaded.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return Key(private, public.decode())

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name
        if not path.exists():
            path.touch(0o600)
            path.write_text(make())
        return path.read_text()


def _new_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
