"""A worker that was only frozen (SIGSTOP) finds that it has been replaced, and touches nothing more."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import ROOT, Installation
from tests.workers.test_kill import held_up


@pytest.mark.parametrize("phase", ["build", "upload", "switched"])
def test_a_worker_that_was_frozen_writes_and_switches_nothing_more(
    installation: Installation, go: Path, phase: str
) -> None:
    installation.use(pipeline(phase, go))
    number = installation.ask(f"/deploy shop/{'large' if phase == 'upload' else 'main'} to staging")
    frozen = wait_until(lambda: held_up(installation, phase, number), 60, what=f"#{number} is in {phase}")
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        go.touch()
        assert installation.ended(number) == "succeeded", installation.told(number)
        done = installation.rows("SELECT max(number) FROM deploy_core_journalentry WHERE deployment_id = %s", number)
        release = installation.currents("staging")
    finally:
        frozen.process.send_signal(signal.SIGCONT)

    wait_until(lambda: f"#{number} is past epoch" in frozen.log.read_text(), what="it finds out")
    installation.use(pipeline())
    following = installation.ask("/deploy shop to qa")  # it works on, with what is new

    assert installation.ended(following) == "succeeded", installation.told(following)
    assert (
        installation.rows("SELECT max(number) FROM deploy_core_journalentry WHERE deployment_id = %s", number) == done
    )
    assert installation.currents("staging") == release
    assert not [left for box in installation.boxes for left in box.folder.glob("srv/staging/.stage.*")]


HOLD = """
import time
from django.db import transaction
from deploy_core.models import App
with transaction.atomic():
    App.objects.update(default_ref="main")
    print("held", flush=True)
    time.sleep(300)
"""


def test_one_that_froze_within_a_transaction_lets_go_of_its_rows(installation: Installation) -> None:
    holder = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", HOLD],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert b"held" in holder.stdout.readline()

        installation.use(pipeline())  # writes the same row

        assert holder.poll() is None
    finally:
        holder.kill()
        holder.communicate()
