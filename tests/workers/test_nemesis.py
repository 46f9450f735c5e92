"""Everything is broken once while three people talk and deploy: what was acknowledged is there, once, for everybody.

`make test` breaks each part once, in an order that its seed gives; `make soak` does so again and again.
"""

import asyncio
import os
import random
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.proof.nemesis import Door, Nemesis, Page, Set
from tests.reach.wires import wire_to
from tests.room.serving import Serving
from tests.services.redis import Server as Redis
from tests.waiting import wait_until
from tests.workers.installation import ENDED, Installation, Worker
from tests.workers.world import ENVIRONMENTS

SEED = int(os.environ.get("SHIPROOM_SEED", "6"))
ROUNDS = 15 if os.environ.get("SHIPROOM_SOAK") else 1
#: A build takes so long that somebody can be killed in it.
PIPELINE = "keep: 5\nbuild: {commands: ['sleep 1; date > built']}\n"


class Everything(Nemesis):
    """Also the worker, Redis and the database break."""

    def __init__(self, installation: Installation, redis: Redis, doors: list[Door]) -> None:
        super().__init__(SEED, doors)
        self.installation = installation
        self.redis = redis

    def faults(self) -> list[Callable[[], None]]:
        return self.shuffled(
            self.cut, self.hang, self.freeze, self.kill_worker, self.kill_redis, self.installation.restart_database
        )

    def kill_worker(self) -> None:
        """One that has a deployment in hand."""
        query = "SELECT id FROM deploy_core_deployment WHERE status = 'running' AND executor <> ''"

        def busy() -> Worker | None:
            owners = [self.installation.owner(number) for (number,) in self.installation.rows(query)]
            return next((worker for worker in owners if worker is not None and worker.process.poll() is None), None)

        wait_until(busy, 60, what="a worker has a deployment in hand").kill()
        self.installation.add_worker()

    def kill_redis(self) -> None:
        self.redis.kill()
        self.last()
        self.redis.start()


@contextmanager
def doors(installation: Installation) -> Iterator[list[Door]]:
    """Two web processes, each behind a wire."""
    second = Serving(installation.folder / "web-2", log="serve-2.log", **installation.settings)
    second.start()
    try:
        with ExitStack() as wires:
            made = []
            for web in (installation.web, second):
                port, wire = wires.enter_context(wire_to(web.address[1]))
                made.append(Door(web, port, wire))
            yield made
    finally:
        assert second.process is not None
        second.process.kill()
        second.process.wait(30)


class Rows:
    """What is stored, looked at from outside."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.first = installation.one("SELECT coalesce(max(id), 0) FROM deploy_core_deployment")

    def log(self) -> list[tuple[int, str]]:
        """Number and client id of each event of the room."""
        events = "SELECT number, client_id FROM room_event WHERE stream_kind = 'room' AND stream_id = %s"
        return [(number, cid) for number, cid in self.installation.rows(f"{events} ORDER BY number", self.room)]

    def outcomes(self, cids: Collection[str]) -> dict[str, Any]:
        return dict(
            self.installation.rows("SELECT client_id, outcome FROM room_line WHERE client_id = ANY(%s)", [*cids])
        )

    def deployments(self) -> list[int]:
        found = self.installation.rows("SELECT id FROM deploy_core_deployment WHERE id > %s ORDER BY id", self.first)
        return [number for (number,) in found]

    def newest_release(self, environment: str) -> str:
        """That of the deployment that succeeded last."""
        release = """SELECT r.name FROM deploy_core_deployment d JOIN deploy_core_release r ON r.id = d.release_id
            JOIN deploy_core_environment e ON e.id = d.environment_id
            WHERE e.name = %s AND d.status = 'succeeded' ORDER BY d.finished DESC LIMIT 1"""
        return str(self.installation.one(release, environment))

    @property
    def room(self) -> int:
        return self.installation.web.room


def test_whatever_is_killed_cut_or_restarted_each_line_is_there_once_and_each_deployment_is_true(
    installation: Installation, redis: Redis
) -> None:
    installation.use(PIPELINE)
    rows, people = Rows(installation), installation.web.keys
    with doors(installation) as ways, ExitStack() as watching:
        for name in ENVIRONMENTS:
            watching.enter_context(installation.watched(name))
        pages = [
            Page(random.Random(f"{SEED} {n}"), people[name], rows.room, ways)
            for n, name in enumerate(("alice", "alice", "bob"))
        ]
        nemesis = Everything(installation, redis, ways)
        told = Set(SEED, pages, [f"/deploy shop to {name}" for name in ENVIRONMENTS])
        asyncio.run(told.play([fault for _ in range(ROUNDS) for fault in nemesis.faults()], rows.log))

        made = rows.deployments()
        for number in made:
            assert installation.ended(number) in ENDED, installation.told(number)
        asked = told.check(rows.log(), rows.outcomes(told.sent))
    assert sorted(asked) == made
    for name in ENVIRONMENTS:
        assert set(installation.currents(name)) == {rows.newest_release(name)}, name
    assert "rows are good" in installation.web.manage("audit", "verify")
    for worker in installation.workers:
        if worker.process.poll() is None:
            worker.wait_until_ready()
