"""A worker that leaves (SIGTERM) hands over what it has in hand; nobody has to find out that it is gone."""

import signal
from pathlib import Path

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import Installation
from tests.workers.test_kill import held_up


def test_sigterm_ends_a_worker_at_the_next_step_and_another_goes_on_at_once(
    installation: Installation, go: Path
) -> None:
    installation.use(pipeline("switched", go))
    number = installation.ask("/deploy shop to staging")
    leaving = wait_until(lambda: held_up(installation, "switched", number), 60, what="the hook runs")

    leaving.process.send_signal(signal.SIGTERM)
    go.touch()

    assert leaving.process.wait(30) == 0
    assert installation.ended(number) == "succeeded", installation.told(number)
    other = installation.owner(number)
    assert other is not None
    assert other is not leaving
    assert installation.one("SELECT max(attempt) FROM deploy_core_step WHERE deployment_id = %s", number) == 1
    assert f"{leaving.name} is silent" not in other.log.read_text()
    installation.add_worker().wait_until_ready()
