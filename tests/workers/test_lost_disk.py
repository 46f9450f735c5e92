"""A worker that dies after the build, and its disk with it: the other one has nothing of what was built."""

import shutil
from pathlib import Path

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import Installation
from tests.workers.test_kill import WITHIN_S, held_up

BUILD = "build: {commands: ['date +%s.%N > built']}\nkeep: 5\n"


def test_what_was_built_is_built_again_by_the_other_worker(installation: Installation, go: Path) -> None:
    for worker in installation.workers:
        worker.kill()
    folders = [installation.folder / f"own-artifacts-{number}" for number in (1, 2)]
    alone = [installation.add_worker(SHIPROOM_ARTIFACTS=str(folder)) for folder in folders]
    for worker in alone:
        worker.wait_until_ready()
    installation.use(BUILD)
    number = installation.ask("/deploy shop/large to staging")
    victim = wait_until(lambda: held_up(installation, "upload", number), 60, what=f"#{number} is uploaded")

    with installation.watched("staging"):
        victim.kill()
        shutil.rmtree(victim.data)
        shutil.rmtree(folders[alone.index(victim)])
        assert installation.ended(number, WITHIN_S) == "succeeded", installation.told(number)

    built = {(box.folder / "srv/staging/current/built").read_text() for box in installation.boxes}
    assert len(built) == 1
    assert set(installation.currents("staging")) == {installation.release(number)}
    for worker in alone:
        worker.kill()
    for worker in (installation.add_worker(), installation.add_worker()):
        worker.wait_until_ready()
    installation.use(pipeline())
