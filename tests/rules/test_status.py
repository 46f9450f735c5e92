"""The table of allowed moves."""

import pytest

from deploy_core.rules import status
from deploy_core.rules.status import ACTIVE, ENDED, MOVES, STEP_ENDED, STEP_MOVES, WAITING, Status, StepStatus


def test_every_status_waits_runs_or_has_ended_and_only_one_of_these():
    assert set(Status) == WAITING | ACTIVE | ENDED
    assert len(Status) == len(WAITING) + len(ACTIVE) + len(ENDED)


@pytest.mark.parametrize("ended", sorted(ENDED))
def test_nothing_leaves_an_end(ended):
    assert not any(status.can_move(ended, target) for target in Status)


@pytest.mark.parametrize("start", sorted(WAITING | ACTIVE))
def test_every_deployment_can_reach_an_end(start):
    reached = {start}
    while more := {target for source in reached for target in MOVES.get(source, ())} - reached:
        reached |= more

    assert reached & ENDED


def test_nothing_runs_without_having_been_queued():
    assert [source for source in Status if source in WAITING and status.can_move(source, Status.RUNNING)] == [
        Status.QUEUED
    ]


def test_a_deployment_that_rolls_back_cannot_succeed():
    assert not status.can_move(Status.ROLLING_BACK, Status.SUCCEEDED)


def test_an_interrupted_step_may_run_again_and_a_finished_one_may_not():
    assert status.can_step_move(StepStatus.RUNNING, StepStatus.RUNNING)
    assert status.can_step_move(StepStatus.LOST, StepStatus.RUNNING)
    assert not STEP_ENDED & set(STEP_MOVES)
