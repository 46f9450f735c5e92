"""The shop as a program: it replaces its running copy, says what it is, and ends with the machine it runs on."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from chatops.demo import check, ports, repository
from tests.waiting import wait_until


@pytest.fixture
def machine(tmp_path: Path):
    """A folder with two releases that share `var`, a free port, and a pipe that stands for the machine's power."""
    repository.make(tmp_path / "shop.git")
    (tmp_path / "var").mkdir()
    for ref in ("v1.0.0", "main"):
        release = tmp_path / ref
        release.mkdir()
        tree = subprocess.run(["git", "-C", tmp_path / "shop.git", "archive", ref], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", release], input=tree.stdout, check=True)
        (release / "var").symlink_to("../var")
    plug, power = os.pipe()
    machine = Machine(tmp_path, next(ports.free_ports(tmp_path, but=set())), plug)
    yield machine
    os.close(plug)
    os.close(power)  # whatever still runs ends here
    wait_until(lambda: not machine.answers())


class Machine:
    def __init__(self, folder: Path, port: int, plug: int) -> None:
        self.folder = folder
        self.port = port
        self.plug = plug

    def restart(self, ref: str, **more: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": os.environ["PATH"], "PORT": str(self.port), "STOP_WITH_FD": str(self.plug), **more}
        return subprocess.run(
            [self.folder / ref / "bin" / "restart"],
            env=variables,
            pass_fds=(self.plug,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def pid(self) -> int:
        return int((self.folder / "var" / "shop.pid").read_text())

    def answers(self) -> dict[str, str]:
        return check.ask_version(self.port)


def test_a_restart_replaces_the_running_copy_and_returns_when_it_listens(machine):
    assert machine.restart("v1.0.0", SHIPROOM_ENVIRONMENT="staging").returncode == 0
    assert machine.answers() == {"version": "1.0.0", "environment": "staging"}
    first = machine.pid()

    assert machine.restart("main", SHIPROOM_ENVIRONMENT="staging").returncode == 0

    assert machine.answers() == {"version": "1.2.0", "environment": "staging"}
    assert machine.pid() != first


def test_a_copy_that_does_not_listen_to_reason_is_replaced_too(machine):
    machine.restart("v1.0.0")
    os.kill(machine.pid(), signal.SIGSTOP)

    assert machine.restart("main").returncode == 0

    assert machine.answers()["version"] == "1.2.0"


def test_a_taken_port_fails_the_restart_with_a_reason(machine):
    import socket

    with socket.create_server(("127.0.0.1", machine.port)):
        done = machine.restart("main")

    assert done.returncode != 0
    assert "Address already in use" in done.stderr
