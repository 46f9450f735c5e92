"""What a server looks like to somebody who asks: does it answer, is it the one we know, may we in, what is there."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy_core.errors import DeployError, HostKeyError
from deploy_core.models import Server
from deploy_core.rules import remote

from . import credentials, ssh
from .connection import COMMAND_S, CONNECT_S, Connection
from .masking import Masker

#: A login shell that takes longer for nothing reads slow start-up files, and each step pays for it.
SLOW_SHELL_MS = 1000


@dataclass
class Findings:
    """What a visit found; JSON by `asdict`.

    `state`: `ok`; `new` (nobody has confirmed the host key yet), `changed` (it is not the confirmed one), `failed`
    (with `code` and `params`, a fault as the phrases have them). `key` is the line to pin, `fingerprint` what a person
    compares. `places`: `{path, free_kb, total_kb, writable}`; `lacks`: programs that staging needs.
    """

    server: str
    host: str
    port: int
    state: str = "failed"
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    jump: str = ""
    answer_ms: int | None = None
    key: str = ""
    fingerprint: str = ""
    expected: str = ""
    shell_ms: int | None = None
    system: str = ""
    tools: dict[str, str] = field(default_factory=dict)
    lacks: list[str] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For a row."""
        return asdict(self)


def meet(
    server: Server, paths: Sequence[str] = (), *, deadline_s: float = CONNECT_S, command_s: float = COMMAND_S
) -> Findings:
    """Visit a server: `deadline_s` for the login, `command_s` for each of two commands.

    Nothing is written there, and before its key is confirmed nothing is sent but a greeting.
    """
    found = Findings(server.name, server.host, server.port, jump=server.jump.name if server.jump else "")
    try:
        address = credentials.address(server)
        began = time.monotonic()
        if not server.host_key:
            seen = ssh.probe(server.host, server.port, jump=address.jump, deadline_s=deadline_s)
            found.answer_ms = _ms(began)
            found.state, found.key, found.fingerprint = "new", seen.line, seen.fingerprint
            return found
        login = credentials.login(server.credential)
        mask = Masker(credentials.on_the_way(server))
        with ssh.connect(address, login, deadline_s=deadline_s, mask=mask) as connection:
            found.answer_ms = _ms(began)
            found.fingerprint = ssh.fingerprint(server.host_key)
            _look_around(connection, paths, found, command_s)
            found.state = "ok"
    except DeployError as error:
        found.code, found.params = error.code, _plain(error.params)
        if isinstance(error, HostKeyError) and error.params.get("server") == server.name:
            _tell_new_key(server, address.jump, found, deadline_s)
    return found


def _tell_new_key(server: Server, jump: Any, found: Findings, deadline_s: float) -> None:
    """The key it shows now, for a person who knows that the server was set up anew."""
    found.expected = str(found.params.get("expected", ""))
    try:
        seen = ssh.probe(server.host, server.port, jump=jump, deadline_s=deadline_s)
    except DeployError:
        return
    found.state, found.key, found.fingerprint = "changed", seen.line, seen.fingerprint


def _look_around(connection: Connection, paths: Sequence[str], found: Findings, command_s: float) -> None:
    began = time.monotonic()
    connection.run(("true",), timeout_s=command_s).check("true")
    found.shell_ms = _ms(began)
    said = connection.run(remote.survey(paths), name="survey", timeout_s=command_s).check("survey").out_tail
    for line in said.splitlines():
        match line.split("\t"):
            case ["system", text]:
                found.system = text
            case ["tool", name, text]:
                found.tools[name] = text
            case ["lacks", name]:
                found.lacks.append(name)
            case ["place", number, writable, total, free] if number.isdigit() and int(number) < len(paths):
                found.places.append(
                    {
                        "path": paths[int(number)],
                        "writable": writable == "yes",
                        "total_kb": int(total) if total.isdigit() else None,
                        "free_kb": int(free) if free.isdigit() else None,
                    }
                )


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _plain(params: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str | int | float | list) else str(value) for name, value in params.items()
    }
