"""Servers that take turns: who goes first, who waits, and what one that fails means for the others."""

import pytest

from deploy_core import deployments, steering
from deploy_core.errors import Cancelled, CommandTimeout, ConnectionLost, Forbidden, ReachError, Refused, Unreachable
from deploy_core.ledger import journal, progress
from deploy_core.models import Step
from deploy_core.reach import ssh, staging
from deploy_core.rules.states import replay
from deploy_core.run import acts, runner
from tests import factories
from tests.core.world import told

BUILD = "build: {commands: ['echo built $(cat version) > built']}\n"
FAIL_ON_2 = "restart: {command: '[ ${SHIPROOM_SERVER##*-} != 2 ]'}"


def pipeline(world, text):
    world.app.pipeline = text
    world.app.save()


def deploy_with(world, text, ref="v2"):
    pipeline(world, BUILD)
    world.deploy("v1")
    pipeline(world, BUILD + text)
    return world.deploy(ref)


def names(world, *numbers):
    return [f"{world.app.name}-{number}" for number in numbers]


def test_the_batches_are_told_before_the_first_one_begins(world):
    pipeline(world, "batches: {size: 1, order: reversed}")

    deployment = world.deploy()

    assert deployment.status == "succeeded", told(deployment)
    state = replay(deployment.pk, deployment.journal.all())
    assert state.batches == [names(world, 2), names(world, 1)] == deployment.plan["batches"]
    moved = [entry.payload["key"] for entry in deployment.journal.filter(kind="step.moved", payload__to="running")]
    assert moved.index(f"switch:{world.app.name}-2") < moved.index(f"switch:{world.app.name}-1")


def test_an_environment_that_allows_fewer_at_once_is_heard(world):
    world.environment.batch_size = 1
    world.environment.save()
    pipeline(world, "batches: {size: 100%}")

    assert len(world.deploy().plan["batches"]) == 2


def test_an_environment_that_wants_a_health_check_refuses_a_branch_without_one(world):
    world.environment.needs_health = True
    world.environment.save()
    pipeline(world, "restart: {command: 'true'}")

    deployment = world.deploy()

    assert (deployment.status, deployment.reason) == ("failed", "health_required")


@pytest.mark.parametrize(
    ("policy", "running", "status"),
    [
        ("back", ["built 1", "built 1"], "rolled_back"),
        ("back-batch", ["built 2", "built 1"], "failed"),
        ("stop", ["built 2", "built 2"], "failed"),
    ],
)
def test_when_a_server_fails_the_file_says_who_goes_back(world, policy, running, status):
    deployment = deploy_with(world, f"batches: {{size: 1, on_failure: {policy}}}\n{FAIL_ON_2}")

    assert world.running() == running, told(deployment)
    assert (deployment.status, deployment.reason) == (status, "command_failed")
    said = {server: release for release, found in deployment.reason_params.get("runs", {}).items() for server in found}
    if status == "failed":
        real = [(world.folder(number) / "current").resolve().name for number in (0, 1)]
        assert [said[name] for name in names(world, 1, 2)] == real


def test_a_server_that_fails_may_be_left_behind_and_retried_alone(world):
    deployment = deploy_with(
        world, f"batches: {{size: 1, on_failure: skip, skip_limit: 1, order: reversed}}\n{FAIL_ON_2}"
    )

    assert (deployment.status, deployment.reason) == ("failed", "servers_skipped"), told(deployment)
    assert deployment.reason_params["servers"] == names(world, 2)
    assert world.running() == ["built 2", "built 1"]
    old = [release for release, found in deployment.reason_params["runs"].items() if found == names(world, 2)]
    assert old == [(world.folder(1) / "current").resolve().name]

    pipeline(world, BUILD)
    again = world.walk(steering.retry(deployment, by=world.person, surface="web", only_failed=True))

    assert again.status == "succeeded", told(again)
    assert world.running() == ["built 2", "built 2"]
    assert set(again.steps.exclude(server_name="").values_list("server_name", flat=True)) == set(names(world, 2))
    assert again.revision == deployment.revision


def test_more_failures_than_the_limit_take_the_batch_back(world):
    deployment = deploy_with(world, "batches: {on_failure: skip, skip_limit: 1}\nrestart: {command: 'false'}")

    assert deployment.status == "rolled_back", told(deployment)
    assert world.running() == ["built 1", "built 1"]


def test_a_server_that_cannot_be_reached_is_left_behind_before_anything_is_switched(world):
    server = world.environment.placements.last().server
    pipeline(world, "batches: {on_failure: skip, skip_limit: 50%}")
    world.deploy("v1")
    server.host_key = world.boxes[0].host.public
    server.save()

    deployment = world.deploy("v2")

    assert (deployment.status, deployment.reason) == ("failed", "servers_skipped"), told(deployment)
    assert deployment.steps.get(key=f"switch:{server.name}").status == "skipped"
    assert (world.folder() / "current" / "version").read_text() == "2"
    assert (world.folder(1) / "current" / "version").read_text() == "1"


def test_a_server_that_is_unplugged_between_two_batches_is_left_behind_until_it_is_back(world, monkeypatch):
    pipeline(world, BUILD + "batches: {size: 1, on_failure: skip, skip_limit: 1}")
    world.deploy("v1")
    [gone] = names(world, 2)
    unplugged = []

    def cut(real):
        def act(*args, **more):
            server = getattr(args[0], "server", args[0])  # a connection, or the address of one to be
            if server.name in unplugged:
                raise (ConnectionLost if real is switch else Unreachable)(server=gone)
            return real(*args, **more)

        return act

    switch = staging.switch
    monkeypatch.setattr(staging, "switch", cut(switch))
    monkeypatch.setattr(ssh, "connect", cut(ssh.connect))
    deployment = world.request("v2")
    runner.plan(deployment.pk)

    def unplug(name, phase):
        if name == "switch-1":
            unplugged.append(gone)
        return phase()

    runner.run(deployment.pk, do_step=unplug)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("failed", "servers_skipped"), told(deployment)
    assert deployment.reason_params["runs"] == {deployment.release.name: names(world, 1), "": [gone]}
    assert deployment.steps.get(key=f"back:{gone}").reason == "unreachable"
    assert not deployment.steps.filter(status__in=("pending", "running")).exists()
    unplugged.clear()
    again = world.walk(steering.retry(deployment, by=world.person, surface="web", only_failed=True))
    assert again.status == "succeeded", told(again)
    assert world.running() == ["built 2", "built 2"]


# --- standing still ---------------------------------------------------------------------------------------------------


def walk_once(deployment):
    word = runner.run(deployment.pk)
    deployment.refresh_from_db()
    return word


def test_after_the_canary_a_person_looks_and_resumes(world):
    pipeline(world, "batches: {canary: 1, wait: canary}")
    deployment = world.request("v1")
    runner.plan(deployment.pk)

    assert walk_once(deployment) == "paused"

    assert (deployment.status, deployment.reason) == ("paused", "waits_for_resume")
    assert deployment.reason_params["next"] == names(world, 2)
    assert [(world.folder(number) / "current").exists() for number in (0, 1)] == [True, False]
    steering.resume(deployment, by=world.person)
    assert walk_once(deployment) == "ok"
    assert deployment.status == "succeeded", told(deployment)
    assert (world.folder(1) / "current" / "version").read_text() == "1"


def test_a_person_pauses_and_the_next_batch_does_not_begin(world):
    pipeline(world, "batches: {size: 1}")
    deployment = world.request("v1")
    runner.plan(deployment.pk)

    def pause_in(name, phase):
        if name == "restart-0":
            steering.pause(deployment, by=world.person)
        return phase()

    assert runner.run(deployment.pk, do_step=pause_in) == "paused"

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason_params) == ("paused", {"by": world.person.username})
    assert deployment.steps.get(key=f"health:{world.app.name}-1").status == "skipped"
    assert deployment.steps.get(key=f"switch:{world.app.name}-2").status == "pending"
    steering.resume(deployment, by=world.person)
    assert walk_once(deployment) == "ok", told(deployment)


def test_a_pause_in_the_last_batch_holds_the_end(world):
    deployment = world.request("v1")
    runner.plan(deployment.pk)

    def pause_in(name, phase):
        if name == "health-0":
            steering.pause(deployment, by=world.person)
        return phase()

    assert runner.run(deployment.pk, do_step=pause_in) == "paused"
    steering.resume(deployment, by=world.person)
    assert walk_once(deployment) == "ok", told(deployment)


def test_what_stands_still_can_be_cancelled_and_goes_back(world):
    deployment = deploy_with(world, "batches: {canary: 1, wait: canary}")
    assert (deployment.status, world.running()) == ("paused", ["built 2", "built 1"])

    deployments.cancel(deployment, by=world.person)
    walk_once(deployment)

    assert deployment.status == "cancelled", told(deployment)
    assert world.running() == ["built 1", "built 1"]


def test_only_what_runs_is_paused_and_only_what_is_paused_goes_on(world):
    deployment = world.request("v1")

    with pytest.raises(Refused) as not_running:
        steering.pause(deployment, by=world.person)
    with pytest.raises(Refused) as not_paused:
        steering.resume(deployment, by=world.person)
    with pytest.raises(Forbidden):
        steering.pause(deployment, by=factories.person("looker", role="viewer"))

    assert (not_running.value.code, not_paused.value.code) == ("not_running", "not_paused")


# --- tasks and chosen servers -----------------------------------------------------------------------------------------

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
    run_in, cut = staging.run_in, []

    def run(connection, path, folder, said, *args, **more):
        run_in(connection, path, folder, said, *args, **more)
        if command in said and connection.server.name not in cut:
            cut.append(connection.server.name)
            raise ConnectionLost(server=connection.server.name)

    monkeypatch.setattr(staging, "run_in", run)


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


# --- patience ---------------------------------------------------------------------------------------------------------


def test_a_step_is_tried_again_as_often_as_the_file_says(world, settings):
    settings.RETRY_WAIT_S = 0.01
    pipeline(
        world, "retries: {restart: 2}\nrestart: {command: 'echo x >> ../../tries; [ $(wc -l < ../../tries) -ge 3 ]'}"
    )

    deployment = world.deploy()

    assert deployment.status == "succeeded", told(deployment)
    assert (world.folder() / "tries").read_text() == "x\n" * 3


def test_an_attempt_that_takes_longer_than_a_step_may_is_ended():
    def dawdle(hands):
        while not hands.stop():
            pass
        raise Cancelled(server="web-1", command="sleep")

    patient = acts.patiently(dawdle, Step(key="switch:web-1", server_name="web-1"), acts.Patience(limit_s=0.01))

    with pytest.raises(CommandTimeout) as caught:
        patient(acts.Hands(out=None, stop=lambda: False))
    assert caught.value.code == "step_timeout"
    assert caught.value.params["server"] == "web-1"


@pytest.mark.parametrize("error", [ReachError("taken_over", server="web-1"), Cancelled(server="web-1")])
def test_what_another_attempt_cannot_mend_is_not_tried_again(error):
    tried = []

    def fail(hands):
        tried.append(hands)
        raise error

    with pytest.raises(type(error)):
        acts.patiently(fail, Step(key="switch:web-1"), acts.Patience(retries=3))(
            acts.Hands(out=None, stop=lambda: isinstance(error, Cancelled) and bool(tried))
        )
    assert len(tried) == 1


def test_what_waited_for_its_turn_until_the_stop_is_not_begun():
    begun = []

    with pytest.raises(Cancelled):
        acts.patiently(begun.append, Step(key="switch:web-1", server_name="web-1"), acts.Patience())(
            acts.Hands(out=None, stop=lambda: True)
        )
    assert begun == []


# --- after the last batch ---------------------------------------------------------------------------------------------


def test_a_release_that_falls_ill_while_it_is_watched_is_taken_back(world):
    check = "health: {http: {port: PORT}, timeout: 1, interval: 0.05}"
    pipeline(world, BUILD + check)
    world.deploy("v1")
    world.environment.verify_minutes = 1
    world.environment.save()
    deployment = world.request("v2")
    runner.plan(deployment.pk)

    def fall_ill(name, phase):
        if name == "verify":
            (world.folder() / "current" / "healthy").unlink()
        return phase()

    runner.run(deployment.pk, do_step=fall_ill)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("rolled_back", "health_failed"), told(deployment)
    assert world.running() == ["built 1", "built 1"]
    moves = [entry.payload["to"] for entry in deployment.journal.filter(kind="deployment.moved")]
    assert moves[-3:] == ["verifying", "rolling_back", "rolled_back"]


def test_what_falls_ill_after_a_server_was_left_behind_is_taken_back_everywhere(world):
    check = "health: {http: {port: PORT}, timeout: 1, interval: 0.05}\nverify: 60\n"
    pipeline(world, BUILD)
    world.deploy("v1")
    pipeline(world, BUILD + check + f"batches: {{size: 1, on_failure: skip, skip_limit: 1}}\n{FAIL_ON_2}")
    deployment = world.request("v2")
    runner.plan(deployment.pk)

    def fall_ill(name, phase):
        if name == "verify":
            (world.folder() / "current" / "healthy").unlink()
        return phase()

    runner.run(deployment.pk, do_step=fall_ill)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("rolled_back", "health_failed"), told(deployment)
    assert world.running() == ["built 1", "built 1"]


def test_a_step_that_a_silent_worker_lost_runs_again_and_is_no_reason(world):
    pipeline(world, BUILD)
    deployment = world.request("v1")
    runner.plan(deployment.pk)

    def fall_silent(name, phase):
        if name == "switch-0":
            step = deployment.steps.get(key=f"switch:{world.app.name}-1")
            deployment.refresh_from_db()
            journal.move_step(step.pk, "running", epoch=deployment.epoch)
            raise KeyboardInterrupt
        return phase()

    with pytest.raises(KeyboardInterrupt):
        runner.run(deployment.pk, executor="silent", do_step=fall_silent)
    journal.lose_steps(deployment.pk, "silent")
    assert deployment.steps.get(key=f"switch:{world.app.name}-1").status == "lost"
    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert deployment.status == "succeeded", told(deployment)
    assert deployment.steps.get(key=f"switch:{world.app.name}-1").attempt == 2
