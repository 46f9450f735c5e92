"""Tasks of what is live, chosen servers, and commands that are not run twice."""

import pytest

from deploy_core import deployments
from deploy_core.errors import ConnectionLost
from deploy_core.ledger import journal, progress
from deploy_core.models import Release
from deploy_core.reach import staging as reach_staging
from deploy_core.run import runner, steps
from deploy_core.safety import fingerprint
from tests.core.test_deployments import release
from tests.core.world import BUILD, names, pipeline, told

TASKS = """
build: {commands: ["echo built $(cat version) > built"]}
tasks: {count: {commands: ['echo "$SHIPROOM_SERVER $(cat built)" >> ../../counted']}, fail: {commands: ["exit 4"]}}
"""


def test_a_task_runs_on_chosen_servers_in_what_is_live(world):
    pipeline(world, TASKS)
    world.deploy("v1")

    task = deployments.run_task(
        world.app, "count", world.environment, by=world.person, surface="web", only=names(world, 2)
    )
    runner.run(task.pk)

    task.refresh_from_db()
    assert task.status == "succeeded", told(task)
    assert (world.folder(1) / "counted").read_text() == f"{world.app.name}-2 built 1\n"
    assert not (world.folder(0) / "counted").exists()
    assert deployments.current(world.environment)[1].release.name == (world.folder(1) / "current").resolve().name


@pytest.mark.parametrize(("needed", "status"), [(0, "succeeded"), (1, "plan_changed"), (0, "unknown_task")])
def test_a_task_behind_a_deployment_runs_in_what_that_one_made_live(staging, alice, monkeypatch, needed, status):
    first = release(staging, "1", by=alice)
    Release.objects.update(pipeline="tasks: {count: {commands: [one]}}")
    task = deployments.run_task(staging.app, "count", staging, by=alice, surface="web")
    assert task.revision == first.revision
    second = release(staging, "2", by=alice)
    name = "count" if status != "unknown_task" else "sum"
    Release.objects.filter(pk=second.pk).update(pipeline=f"tasks: {{{name}: {{commands: [two]}}}}")
    ran = []
    monkeypatch.setattr(steps, "run_task", lambda course, target, task: lambda hands: ran.extend(task.commands))
    if needed:
        staging.approvals_needed = 1
        staging.save()

    runner.run(task.pk)

    task.refresh_from_db()
    assert status in (task.status, task.reason), told(task)
    assert ran == (["two", "two"] if status == "succeeded" else [])
    assert task.revision == (first if needed else second).revision


def test_a_task_of_one_server_is_of_what_that_one_runs(staging, alice):
    older = release(staging, "1", by=alice)
    Release.objects.update(pipeline="tasks: {count: {commands: [one]}}")
    release(staging, "2", live_on=["web-2"], by=alice)

    task = deployments.run_task(staging.app, "count", staging, by=alice, surface="web", only=["web-1"])

    assert (task.revision, fingerprint.is_still_true(task)) == (older.revision, True)


def test_a_task_that_fails_changes_nothing_else(world):
    pipeline(world, TASKS)
    world.deploy("v1")

    task = deployments.run_task(world.app, "fail", world.environment, by=world.person, surface="web")
    runner.run(task.pk)

    task.refresh_from_db()
    assert (task.status, task.reason, task.reason_params["exit_status"]) == ("failed", "command_failed", 4), told(task)
    assert world.running() == ["built 1", "built 1"]


def cut_after(monkeypatch, command):
    """The connection breaks when a command has run to its end, and nobody heard so; the first time only."""
    run_in, cut = reach_staging.run_in, []

    def run(connection, path, folder, said, *args, **more):
        run_in(connection, path, folder, said, *args, **more)
        if command in said and connection.server.name not in cut:
            cut.append(connection.server.name)
            raise ConnectionLost(server=connection.server.name)

    monkeypatch.setattr(reach_staging, "run_in", run)


def test_a_task_that_lost_its_connection_is_not_run_twice(world, monkeypatch):
    pipeline(world, TASKS)
    world.deploy("v1")
    cut_after(monkeypatch, "counted")

    task = deployments.run_task(
        world.app, "count", world.environment, by=world.person, surface="web", only=names(world, 2)
    )
    runner.run(task.pk)

    task.refresh_from_db()
    assert (task.status, task.reason) == ("failed", "connection_lost"), told(task)
    assert (world.folder(1) / "counted").read_text() == f"{world.app.name}-2 built 1\n"


def test_a_task_whose_worker_went_away_is_not_begun_again(world):
    pipeline(world, TASKS)
    world.deploy("v1")
    task = deployments.run_task(world.app, "count", world.environment, by=world.person, surface="web")

    def fall_silent(name, phase):
        if name == "task":
            task.refresh_from_db()
            journal.move_step(task.steps.get(server_name=names(world, 1)[0]).pk, "running", epoch=task.epoch)
            raise KeyboardInterrupt
        return phase()

    with pytest.raises(KeyboardInterrupt):
        runner.run(task.pk, executor="silent", do_step=fall_silent)
    runner.run(task.pk)

    task.refresh_from_db()
    assert (task.status, task.reason) == ("failed", "interrupted"), told(task)
    assert not (world.folder(0) / "counted").exists()
    assert (world.folder(1) / "counted").exists()  # there it had not begun


def test_hooks_that_ran_to_their_end_are_passed_over_when_the_connection_breaks(world, monkeypatch):
    hooks = ["echo first >> ../../hooks", "echo second >> ../../hooks"]
    pipeline(world, BUILD + f"hooks: {{after_switch: {hooks}}}")
    cut_after(monkeypatch, "second")

    deployment = world.deploy("v1")

    assert deployment.status == "succeeded", told(deployment)
    assert (world.folder() / "hooks").read_text() == "first\nsecond\n"


def test_a_deployment_to_one_server_leaves_the_others_alone(world):
    pipeline(world, TASKS)
    world.deploy("v1")

    deployment = world.walk(
        deployments.request(world.app, "v2", world.environment, by=world.person, surface="web", only=names(world, 1))
    )

    assert deployment.status == "succeeded", told(deployment)
    assert world.running() == ["built 2", "built 1"]


def test_an_upload_says_how_far_it_is(world):
    pipeline(world, TASKS)
    heard = []

    def hear(sender, stream, key, done, total, **_):
        heard.append((stream, key, done, total))

    progress.told.connect(hear)
    deployment = world.deploy()
    progress.told.disconnect(hear)

    ends = {(stream, key) for stream, key, done, total in heard if done == total > 0}
    assert ends == {(f"deployment:{deployment.pk}", f"stage:{name}") for name in names(world, 1, 2)}
