"""The journal: entries, moves, fencing."""

import pytest
from django.db import IntegrityError, transaction

from deploy_core.ledger import journal
from deploy_core.models import Deployment, JournalEntry, Step, StreamHead
from deploy_core.rules.events import CancelRequested
from deploy_core.rules.plan import way_back
from deploy_core.rules.status import Status, StepStatus
from tests import factories


def numbers(deployment):
    return list(deployment.journal.values_list("number", flat=True))


def status(deployment):
    deployment.refresh_from_db()
    return deployment.status


def start_running(deployment):
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)
    return journal.take_over(deployment.pk, "embedded")


def test_entries_are_numbered_without_holes_and_rung_after_commit(deployment, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        journal.record(deployment.pk, CancelRequested("bob"))
        journal.record(deployment.pk, CancelRequested("carol"))
        assert rung == []

    assert numbers(deployment) == [1, 2]
    assert rung == [(f"deployment:{deployment.pk}", 1), (f"deployment:{deployment.pk}", 2)]


def test_an_entry_that_is_rolled_back_leaves_no_hole(deployment):
    with transaction.atomic():
        journal.record(deployment.pk, CancelRequested("bob"))
        transaction.set_rollback(True)

    assert journal.record(deployment.pk, CancelRequested("carol")) == 1
    assert StreamHead.objects.get(kind="deployment", stream_id=deployment.pk).number == 1


def test_a_listener_that_fails_fails_nothing_else(deployment, rung, django_capture_on_commit_callbacks, caplog):
    def break_down(sender, **_):
        raise RuntimeError("the listener is broken")

    journal.recorded.connect(break_down)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            journal.record(deployment.pk, CancelRequested("bob"))
    finally:
        journal.recorded.disconnect(break_down)

    assert rung == [(f"deployment:{deployment.pk}", 1)]
    assert "the listener is broken" in caplog.text


def test_a_move_changes_the_row_and_is_one_entry(deployment, alice):
    assert journal.move(deployment.pk, Status.FAILED, "ref_not_found", person=alice, params={"ref": "mian"})

    assert status(deployment) == "failed"
    assert (deployment.reason, deployment.reason_params) == ("ref_not_found", {"ref": "mian"})
    assert deployment.finished is not None
    entry = deployment.journal.get()
    assert entry.person == alice
    assert entry.payload == {"from": "planning", "to": "failed", "reason": "ref_not_found", "params": {"ref": "mian"}}


def test_a_move_that_the_table_forbids_changes_nothing(deployment):
    assert not journal.move(deployment.pk, Status.RUNNING)

    assert status(deployment) == "planning"
    assert numbers(deployment) == []


def test_a_move_may_be_limited_to_where_it_comes_from(deployment):
    start_running(deployment)

    assert not journal.move(deployment.pk, Status.CANCELLED, only_from={Status.QUEUED})
    assert journal.move(deployment.pk, Status.CANCELLED, only_from={Status.RUNNING})


def test_each_time_in_the_queue_is_a_new_run_of_the_engine(deployment):
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)
    journal.move(deployment.pk, Status.QUEUED)

    deployment.refresh_from_db()
    assert deployment.run == 2


def test_an_environment_has_one_active_deployment(deployment):
    second = Deployment.objects.create(
        app=deployment.app, environment=deployment.environment, requested_by=deployment.requested_by
    )
    start_running(deployment)
    journal.move(second.pk, Status.QUEUED)

    with pytest.raises(IntegrityError), transaction.atomic():
        journal.move(second.pk, Status.RUNNING)

    assert status(second) == "queued"


def test_a_step_counts_its_attempts_and_keeps_what_came_of_it(deployment):
    epoch = start_running(deployment)
    build = deployment.steps.get(key="build")

    journal.move_step(build.pk, StepStatus.RUNNING, epoch=epoch)
    journal.move_step(build.pk, StepStatus.RUNNING, epoch=epoch)
    journal.move_step(
        build.pk, StepStatus.FAILED, "build_failed", epoch=epoch, exit_status=2, params={"tail": ["no such file"]}
    )

    build.refresh_from_db()
    assert (build.status, build.attempt, build.exit_status, build.epoch) == ("failed", 2, 2, epoch)
    assert (build.reason, build.reason_params) == ("build_failed", {"tail": ["no such file"]})
    assert build.started <= build.finished
    assert not journal.move_step(build.pk, StepStatus.RUNNING, epoch=epoch)


def test_whoever_was_overtaken_writes_nothing_more(deployment):
    old = start_running(deployment)
    build = deployment.steps.get(key="build")
    journal.move_step(build.pk, StepStatus.RUNNING, epoch=old)

    new = journal.take_over(deployment.pk, "another")

    with pytest.raises(journal.Fenced), transaction.atomic():
        journal.move_step(build.pk, StepStatus.SUCCEEDED, epoch=old)
    with pytest.raises(journal.Fenced), transaction.atomic():
        journal.move(deployment.pk, Status.SUCCEEDED, epoch=old)
    with pytest.raises(journal.Fenced), transaction.atomic():
        journal.add_steps(deployment.pk, way_back(["web-1"]), epoch=old)
    assert Step.objects.get(pk=build.pk).status == "running"
    assert deployment.journal.last().kind == "deployment.taken_over"
    assert new > old


def test_a_first_start_is_no_takeover(deployment):
    start_running(deployment)

    assert not deployment.journal.filter(kind="deployment.taken_over").exists()


def test_the_plan_grows_once_by_the_same_steps(deployment):
    epoch = start_running(deployment)

    journal.add_steps(deployment.pk, way_back(["web-1"]), epoch=epoch)
    journal.add_steps(deployment.pk, way_back(["web-1", "web-2"]), epoch=epoch)

    keys = list(deployment.steps.values_list("key", flat=True))
    assert keys[-2:] == ["back:web-1", "back:web-2"]
    assert len(keys) == len(set(keys))
    added = [entry.payload["steps"] for entry in JournalEntry.objects.filter(kind="steps.added")]
    assert [[step["key"] for step in steps] for steps in added] == [["back:web-1"], ["back:web-2"]]
    assert deployment.steps.get(key="back:web-2").server == deployment.environment.servers.get(name="web-2")


def test_steps_of_a_removed_server_keep_its_name(deployment):
    server = deployment.environment.servers.get(name="web-2")
    deployment.environment.placements.filter(server=server).delete()

    server.delete()

    step = deployment.steps.get(key="stage:web-2")
    assert (step.server, step.server_name) == (None, "web-2")


def test_a_step_of_an_unknown_server_has_no_server_row(deployment):
    factories.server("web-3")

    journal.store_steps(deployment.pk, way_back(["web-3", "gone"]), first=50)

    assert deployment.steps.get(key="back:web-3").server is not None
    assert deployment.steps.get(key="back:gone").server is None


def test_steps_of_a_silent_worker_are_lost_until_another_runs_them_again(deployment):
    epoch = journal.take_over(deployment.pk, "silent")
    step = deployment.steps.get(key="fetch")
    journal.move_step(step.pk, "running", epoch=epoch)

    journal.lose_steps(deployment.pk, "another")
    step.refresh_from_db()
    assert step.status == "running"
    journal.lose_steps(deployment.pk, "silent")

    step.refresh_from_db()
    assert (step.status, step.reason, step.reason_params) == ("lost", "worker_silent", {"executor": "silent"})
    with pytest.raises(journal.Fenced), transaction.atomic():
        journal.move_step(step.pk, "succeeded", epoch=epoch)
    assert journal.move_step(step.pk, "running", epoch=journal.take_over(deployment.pk, "next"))
    assert "deployment.taken_over" in deployment.journal.values_list("kind", flat=True)
