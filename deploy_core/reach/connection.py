"""What a server looks like from here: address, login, and the port `Connection` that everything remote goes through.

`reach.ssh.connect` makes the real one, `tests.fakes.FakeConnection` the other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from deploy_core.errors import CommandFailed
from deploy_core.rules.shell import Command

#: `(stream, text)`: `o` stdout, `e` stderr, `m` our own remark; one line without its end, secrets masked.
OnLine = Callable[[str, str], None]

CONNECT_S = 15.0
COMMAND_S = 120.0
OUTPUT_LIMIT_BYTES = 10 * 1024 * 1024


def never() -> bool:
    """The `stop` of what cannot be cancelled."""
    return False


def nobody(stream: str, text: str) -> None:
    """The `on_line` of what nobody reads."""


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """A private key (OpenSSH or PEM text)."""

    pem: bytes = field(repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A password; a server that only asks keyboard-interactive questions gets it as the answer."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentLogin:
    """Whatever keys the SSH agent of this process (`SSH_AUTH_SOCK`) offers, in its order."""


Login = KeyLogin | PasswordLogin | AgentLogin


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is and which host key is pinned (`type base64`, as in known_hosts; empty: not yet confirmed).

    `jump`: the server through which it is reached, with the login there; it may have one too.
    """

    name: str
    host: str
    port: int
    user: str
    host_key: str
    jump: "Hop | None" = None


@dataclass(frozen=True, slots=True)
class Hop:
    """A server on the way to another one."""

    address: ServerAddress
    login: Login = field(repr=False)


@dataclass(frozen=True, slots=True)
class HostKey:
    """What `probe` saw: `line` is what `Server.host_key` stores, `fingerprint` what a person compares (`SHA256:…`)."""

    line: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. The tails are the last 64 KB of each stream, masked, invalid UTF-8 as U+FFFD."""

    server: str
    exit_status: int
    out_tail: str
    err_tail: str

    def check(self, command: str) -> Self:
        """This result, if the exit status is 0; `command` is what a person would call it.

        Raises:
            CommandFailed: any other exit status; code `disk_full` when that is what the output says.
        """
        if self.exit_status:
            raise CommandFailed(
                "disk_full" if is_disk_full(self.err_tail) else None,
                server=self.server,
                command=command,
                exit_status=self.exit_status,
                tail=last_lines(self.err_tail or self.out_tail),
            )
        return self


class Tunnel(Protocol):
    """A byte stream to a port on the server's own loopback."""

    def settimeout(self, timeout: float | None, /) -> None: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """One authenticated connection; operations on it run one after another and reuse it. Leaving the block closes it.

    Every method raises `ConnectionLost` when the connection dies under it, and `Unreachable` never.
    """

    @property
    def server(self) -> ServerAddress: ...

    def run(
        self,
        command: Command,
        *,
        name: str = "",
        variables: Mapping[str, str] | None = None,
        stdin: bytes | Iterable[bytes] | None = None,
        on_line: OnLine = nobody,
        timeout_s: float = COMMAND_S,
        limit_bytes: int = OUTPUT_LIMIT_BYTES,
        stop: Callable[[], bool] = never,
    ) -> Result:
        """Run argv or a script in a process group of its own; any exit status is a `Result` (`Result.check` judges it).

        `name` is what a person calls the command (errors say it); an argv is its own name.
        `variables` reach it as environment and are in no argument list. `stdin` is fed while output is drained;
        an empty piece means "nothing yet, ask again". `stop` is polled a few times a second.

        Raises:
            CommandTimeout, OutputLimit, Cancelled: after its process group was killed.
            ConnectionLost: the connection or the channel ended without an exit status.
        """

    def get(self, path: str, *, limit_bytes: int = OUTPUT_LIMIT_BYTES, timeout_s: float = COMMAND_S) -> bytes:
        """The content of one file, over SFTP.

        Raises:
            CommandFailed: it is not there, not readable or longer than `limit_bytes`.
        """

    def open_tunnel(self, port: int, *, timeout_s: float = CONNECT_S) -> Tunnel:
        """A stream to 127.0.0.1:`port` on the server.

        Raises:
            CommandFailed: nothing listens there, or the server forbids tunnels (code `tunnel_refused`).
        """

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


def is_disk_full(text: str) -> bool:
    """Whether a program's complaint (in the C locale) is that there is no space left."""
    return "No space left on device" in text or "Disk quota exceeded" in text


def last_lines(text: str, count: int = 20, limit: int = 2_000) -> str:
    """The last `count` lines, at most `limit` characters of them."""
    return "\n".join(text.rstrip().splitlines()[-count:])[-limit:]
