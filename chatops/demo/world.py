"""The demo's world while it stands: repository, keys, servers, rows, and the shop's copies that ran before."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

from chatops.demo import repository, seed
from chatops.demo.keys import Keys
from chatops.demo.machines import Machines
from chatops.demo.orders import Program, ServerOrder
from deploy_core.models import Person, Placement, ReleaseCopy, Server
from deploy_core.rules import pipeline

#: How long a demo that was just stopped, or killed, may take to let go of its folder.
LOCK_S = 5.0


class Occupied(Exception):
    """The data folder is not the demo's to use; the text says why and what to do."""


@contextmanager
def standing(count: int | None = None) -> Iterator[None]:
    """The world on this data folder, until the block ends: `count` servers (None: as many as there were, at first 3).

    Raises:
        Occupied: a demo runs here already, or the folder is another installation's.
    """
    folder = Path(settings.SHIPROOM_DATA) / "demo"
    if not folder.exists() and Person.objects.exists():
        raise Occupied(
            f"{settings.SHIPROOM_DATA} holds an installation with people of its own. "
            "Give the demo a folder: SHIPROOM_DATA=/tmp/shiproom-demo manage.py demo"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / "lock") as lock:
        repository.make(folder / "shop.git")
        keys = Keys(folder / "keys")
        machines = Machines([_order(folder, keys, name) for name in _names(count)], lock)
        try:
            seed.write(folder, keys, machines.ports)
            machines.start(_programs(folder))
            yield
        finally:
            machines.stop()


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """The lock file, held by this process and by the servers' process, so until both are gone."""
    with path.open("w") as file:
        end = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Occupied(
                        f"A demo runs on {settings.SHIPROOM_DATA} already. Stop it, or give this one another folder: "
                        "SHIPROOM_DATA=/tmp/shiproom-demo manage.py demo"
                    ) from None
                time.sleep(0.02)
        yield file


def _names(count: int | None) -> list[str]:
    known = Server.objects.filter(name__startswith="web-", environments__app__name=seed.APP).distinct().count()
    return seed.server_names(count or known or seed.SERVERS)


def _order(folder: Path, keys: Keys, name: str) -> ServerOrder:
    home = folder / "servers" / name
    home.mkdir(parents=True, exist_ok=True)
    row = Server.objects.filter(name=name).first()
    return ServerOrder(
        name=name,
        folder=str(home),
        host_key=keys.host(name).private,
        port=row.port if row else 0,
        user=seed.USER,
        public_key="" if seed.takes_password(name) else keys.client().public,
        password=keys.password() if seed.takes_password(name) else "",
    )


def _programs(folder: Path) -> list[Program]:
    """What was running when the demo was stopped: `current` of each environment on each server, started anew."""
    copies = ReleaseCopy.objects.filter(environment__app__name=seed.APP, is_current=True)
    copies = copies.select_related("environment__app", "server", "release")
    placements = {(row.environment_id, row.server_id): row for row in Placement.objects.all()}
    programs = []
    for copy in copies:
        home = folder / "servers" / copy.server.name / copy.environment.path / "current"
        shape = pipeline.of_release(copy.release.pipeline, copy.environment.name)
        placement = placements.get((copy.environment_id, copy.server_id))
        if placement and shape.restart and home.is_dir():
            variables = {
                **shape.variables,
                **copy.environment.variables,
                **placement.variables,
                "SHIPROOM_ENVIRONMENT": copy.environment.name,
                "SHIPROOM_REVISION": copy.release.revision,
            }
            programs.append(Program(copy.server.name, shape.restart.command, str(home), variables))
    return programs
