"""Servers that take turns: who goes first, who waits, and what one that fails means for the others."""

import pytest

from deploy_core import steering
from deploy_core.errors import ConnectionLost, Unreachable
from deploy_core.ledger import journal
from deploy_core.models import Release
from deploy_core.reach import ssh, staging
from deploy_core.reach.connection import AgentLogin, ServerAddress
from deploy_core.reach.masking import Masker
from deploy_core.rules.pipeline import EnvironmentPipeline, Health
from deploy_core.rules.remote import Fence
from deploy_core.rules.states import replay
from deploy_core.rules.status import Status
from deploy_core.run import rolling, runner, steps
from deploy_core.run.course import Course
from deploy_core.run.job import Job
from deploy_core.run.servers import Site, Target
from tests.core.world import BUILD, deploy_with, names, pipeline, told

FAIL_ON_2 = "restart: {command: '[ ${SHIPROOM_SERVER##*-} != 2 ]'}"


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


@pytest.fixture
def watch(deployment, monkeypatch):
    """The verify window of a deployment to two servers, which answer as a function of their names does."""

    def watched(ask):
        for status in (Status.QUEUED, Status.RUNNING):
            journal.move(deployment.pk, status)
        work = Job(deployment, journal.take_over(deployment.pk, "me"))
        found = tuple(
            Target(number, ServerAddress(f"web-{number}", "127.0.0.1", 22, "deploy", ""), AgentLogin(), {})
            for number in (1, 2)
        )
        shape = EnvironmentPipeline(health=Health(command="ok", interval_s=0.01), verify_s=0.05)
        site = Site("shop", Fence(work.id, work.epoch), found, Masker(()))
        course = Course(deployment, shape, site, Masker(()), {}, batches=(("web-1", "web-2"),))
        monkeypatch.setattr(steps, "ask_health", lambda course, target: ask(target.name))
        try:
            return dict(rolling.phases(work, course, Release))["verify"]()
        finally:
            work.close()

    return watched


def test_a_server_that_never_answered_while_it_was_watched_is_not_well(watch):
    def ask(name):
        if name == "web-2":
            raise ConnectionLost(server=name)

    with pytest.raises(ConnectionLost, match="web-2"):
        watch(ask)


def test_a_server_that_answers_in_the_end_is_well(watch):
    asked = []

    def ask(name):
        asked.append(name)
        if asked.count(name) == 1:
            raise ConnectionLost(server=name)

    assert watch(ask) == "ok"


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
