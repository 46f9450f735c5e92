"""The demo's own SSH servers, in a folder of the test's."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from chatops.demo.keys import Keys
from chatops.demo.machines import Machines
from chatops.demo.orders import ServerOrder
from deploy_core.reach.connection import KeyLogin, Login, PasswordLogin, ServerAddress


class Servers:
    """Three of them; web-3 takes a password."""

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        self.folder = folder
        self.keys = Keys(folder / "keys")
        self.machines = Machines([self.order(f"web-{number}") for number in (1, 2, 3)], lock)

    def order(self, name: str, port: int = 0) -> ServerOrder:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        keys = {"password": self.keys.password()} if name == "web-3" else {"public_key": self.keys.client().public}
        return ServerOrder(name, str(home), self.keys.host(name).private, port, **keys)

    def address(self, name: str = "web-1") -> ServerAddress:
        return ServerAddress(name, "127.0.0.1", self.machines.ports[name], "deploy", self.keys.host(name).public)

    def login(self, name: str = "web-1") -> Login:
        if name == "web-3":
            return PasswordLogin(self.keys.password())
        return KeyLogin(self.keys.client().private.encode())


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[IO[str]]:
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@pytest.fixture
def start(tmp_path: Path, lock: IO[str]) -> Iterator[Callable[[], Servers]]:
    """Starts servers of the test's own, stopped at its end."""
    started: list[Servers] = []

    def run() -> Servers:
        started.append(Servers(tmp_path, lock))
        return started[-1]

    yield run
    for servers in started:
        servers.machines.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers that a module's tests share."""
    folder = tmp_path_factory.mktemp("demo")
    with (folder / "lock").open("w") as lock:
        running = Servers(folder, lock)
        yield running
        running.machines.stop()
