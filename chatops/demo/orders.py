"""What the process with the demo's SSH servers is told on its first line of stdin."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Program:
    """Something a server runs from the start: a command for `sh`, where, with what environment."""

    command: str
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerOrder:
    """One server: its folder is the login's home and the root of SFTP. `port` 0: any free one."""

    name: str
    folder: str
    host_key: str
    port: int = 0
    user: str = "deploy"
    public_key: str = ""
    password: str = ""
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """What one process serves."""

    servers: tuple[ServerOrder, ...]

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Orders":
        """Back from `as_json`."""
        servers = []
        for raw in json.loads(text)["servers"]:
            programs = tuple(Program(**program) for program in raw.pop("programs"))
            servers.append(ServerOrder(**raw, programs=programs))
        return cls(tuple(servers))
