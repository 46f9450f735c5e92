"""What the process with the demo's SSH servers hears on stdin: servers on the first line, programs on later ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class ServerOrder:
    """One server: its folder is the login's home and the root of SFTP. `port` is wanted, not demanded (0: any)."""

    name: str
    folder: str
    host_key: str
    port: int = 0
    user: str = "deploy"
    public_key: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """Something that a server ran before and runs again: a command for `sh`, where, with what environment."""

    server: str
    command: str
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


Order = ServerOrder | Program


def as_line(orders: Sequence[Order]) -> str:
    """One line of JSON."""
    return json.dumps([asdict(order) for order in orders]) + "\n"


def servers(line: str | bytes) -> list[ServerOrder]:
    """The servers on the first line."""
    return [ServerOrder(**raw) for raw in json.loads(line)]


def programs(line: str | bytes) -> list[Program]:
    """The programs on a later line."""
    return [Program(**raw) for raw in json.loads(line)]
