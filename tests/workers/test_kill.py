"""kill -9 of the worker that has a deployment in hand, in every phase: the other one brings it to a true end."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.workers.holding import HOLDS, mirrors_locked, pipeline
from tests.workers.installation import Installation, Worker

#: `make test` kills in two phases, `make soak` in all.
PHASES = list(HOLDS) if os.environ.get("SHIPROOM_SOAK") else ["build", "switched"]

#: A deployment has a true end so soon after its worker died.
WITHIN_S = 60


def held_up(installation: Installation, phase: str, number: int) -> Worker | None:
    """The worker that is right in this phase of a deployment."""
    if not installation.runs(number, HOLDS[phase][0]):
        return None
    if phase == "upload" and not any(
        list(stage.glob("tree/*")) for box in installation.boxes for stage in box.folder.glob("srv/staging/.stage.*")
    ):
        return None
    if phase == "switched" and not all(name.startswith(f"{number}-") for name in installation.currents("staging")):
        return None
    return installation.owner(number)


@pytest.mark.parametrize("phase", PHASES)
def test_the_other_worker_brings_it_to_its_end(installation: Installation, go: Path, phase: str) -> None:
    installation.use(pipeline(phase, go))
    with ExitStack() as locks:
        if phase == "fetch":
            locks.enter_context(mirrors_locked([worker.data for worker in installation.workers]))
        number = installation.ask(f"/deploy shop/{'large' if phase == 'upload' else 'main'} to staging")
        victim = wait_until(lambda: held_up(installation, phase, number), 60, what=f"#{number} is in {phase}")
        with installation.watched("staging"):
            victim.kill()
            locks.close()
            go.touch()
            replacement = installation.add_worker()
            assert installation.ended(number, WITHIN_S) == "succeeded", installation.told(number)
    assert installation.owner(number) is not victim
    assert set(installation.currents("staging")) == {installation.release(number)}
    assert not [left for box in installation.boxes for left in box.folder.glob("srv/staging/.stage.*")]
    replacement.wait_until_ready()
