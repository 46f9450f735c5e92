"""A web process that only puts into the queue, workers that do the work, and rooms that hear of it through Redis."""

from itertools import pairwise
from pathlib import Path

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import Installation


def test_a_line_typed_elsewhere_is_deployed_by_a_worker_and_the_room_hears_of_it(installation: Installation) -> None:
    installation.use(pipeline())
    with installation.web.socket("alice") as page:
        said = installation.say("/deploy shop to staging", "--wait")

        assert said.returncode == 0, said.stdout + said.stderr + installation.tail()
        while page.next("event")["d"].get("code") != "announce.finished":
            """Other events come before."""
    number = installation.one("SELECT max(id) FROM deploy_core_deployment")
    assert installation.owner(number) in installation.workers
    [release] = set(installation.currents("staging"))
    assert release.startswith(f"{number}-")
    executors = {row[0] for row in installation.rows("SELECT name FROM deploy_core_executor")}
    assert executors <= {worker.name for worker in installation.workers}, "the web process runs nothing"


def test_one_environment_in_order_and_others_beside_it(installation: Installation, go: Path) -> None:
    installation.use(pipeline("build", go))
    with installation.web.socket("alice") as page:
        lines = [*["/deploy shop to staging"] * 3, "/deploy shop to qa", "/deploy shop to edge"]
        for number, line in enumerate(lines):
            page.send({"t": "command", "cid": f"many-{number}", "room": page.room, "text": line})
        numbers = [page.next("ack")["d"]["deployment"] for _ in lines]
    first, *behind = numbers[:3]
    side_by_side = [first, *numbers[3:]]

    wait_until(lambda: all(installation.runs(number, "build") for number in side_by_side), what="three build at once")
    assert not any(installation.runs(number, "build") for number in behind)
    go.touch()

    for number in numbers:
        assert installation.ended(number) == "succeeded", installation.told(number)
    query = "SELECT started, finished FROM deploy_core_deployment WHERE id = ANY(%s) ORDER BY id"
    times = installation.rows(query, numbers[:3])
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    assert set(installation.currents("staging")) == {installation.release(behind[-1])}
