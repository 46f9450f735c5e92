"""A worker that was only frozen (SIGSTOP) finds that it has been replaced, and touches nothing more."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import Installation
from tests.workers.test_kill import WITHIN_S, held_up

IS_SOAK = bool(os.environ.get("SHIPROOM_SOAK"))
#: `make test` freezes in one phase until the other worker is done, `make soak` in three, and for a minute at least.
PHASES = ["build", "upload", "switched"] if IS_SOAK else ["upload"]
FROZEN_S = 60 if IS_SOAK else 0


@pytest.mark.parametrize("phase", PHASES)
def test_a_worker_that_was_frozen_writes_and_switches_nothing_more(
    installation: Installation, go: Path, phase: str
) -> None:
    installation.use(pipeline(phase, go))
    number = installation.ask(f"/deploy shop/{'large' if phase == 'upload' else 'main'} to staging")
    frozen = wait_until(lambda: held_up(installation, phase, number), 60, what=f"#{number} is in {phase}")
    frozen.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + FROZEN_S
    try:
        go.touch()
        with installation.watched("staging"):
            assert installation.ended(number, WITHIN_S) == "succeeded", installation.told(number)
            wait_until(lambda: time.monotonic() >= until, FROZEN_S + 20, what="it was frozen for so long")
        done = installation.rows("SELECT max(number) FROM deploy_core_journalentry WHERE deployment_id = %s", number)
        release = installation.currents("staging")
    finally:
        frozen.process.send_signal(signal.SIGCONT)

    with installation.watched("staging"):
        wait_until(lambda: f"#{number} is past epoch" in frozen.log.read_text(), 60, what="it finds out")
    installation.use(pipeline())
    following = installation.ask("/deploy shop to qa")  # it works on, with what is new

    assert installation.ended(following) == "succeeded", installation.told(following)
    assert (
        installation.rows("SELECT max(number) FROM deploy_core_journalentry WHERE deployment_id = %s", number) == done
    )
    assert installation.currents("staging") == release
    assert not [left for box in installation.boxes for left in box.folder.glob("srv/staging/.stage.*")]
