"""What goes wrong on the way: a clear reason, the step red with its last lines, servers on their old release."""

import os
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from deploy_core import deployments, errors
from deploy_core.ledger import journal
from deploy_core.models import Credential, Deployment, Server
from deploy_core.reach import credentials, staging
from deploy_core.rules.status import Status
from deploy_core.run import course, job, runner
from tests.core.world import make_world, told
from tests.services.openssh import free_port
from tests.waiting import wait_until


def pipeline(world, text):
    world.app.pipeline = text
    world.app.save()


def server(world, number):
    return Server.objects.get(name=f"{world.app.name}-{number}")


def broken(deployment):
    """The step that broke first."""
    return deployment.steps.exclude(status__in=("succeeded", "skipped", "pending", "cancelled")).first()


def assert_failed(deployment, reason, **params):
    assert (deployment.status, deployment.reason) == ("failed", reason), told(deployment)
    assert {name: deployment.reason_params.get(name) for name in params} == params
    assert not deployment.steps.filter(status__in=("pending", "running")).exists()


# --- before a server is touched ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "reason", "params"),
    [
        ("maim", "ref_not_found", {"ref": "maim"}),
        ("twin", "ambiguous_ref", {"ref": "twin"}),
        ("main~1", "bad_ref", {"ref": "main~1"}),
        ("misspelt", "pipeline_unknown_key", {"path": "helth", "near": "health"}),
        ("no-file", "pipeline_missing", {"file": "deploy.yml"}),
    ],
)
def test_a_plan_that_cannot_be_made_fails_and_touches_nothing(world, ref, reason, params):
    deployment = world.deploy(ref)

    assert_failed(deployment, reason, step="fetch", **params)
    assert set(deployment.steps.values_list("key", "status", "reason")[2:]) == {
        (key, "skipped", "not_reached")
        for key in deployment.steps.values_list("key", flat=True)
        if key not in ("start", "fetch")
    }
    assert not world.folder().exists()


def test_a_repository_that_is_not_there_fails_with_what_git_said(world):
    world.app.repository = "file:///nonexistent/shop.git"
    world.app.save()

    assert_failed(world.deploy(), "git_unreachable", step="fetch")


def test_a_port_that_no_server_has_fails_before_anything_is_built(world):
    pipeline(world, "health: {http: {port: NO_SUCH}}")

    assert_failed(world.deploy(), "pipeline_wrong", step="fetch", path="health.http.port", got="nothing")


def test_rights_are_asked_again_when_planning_and_when_starting(world):
    early, late = world.request(), world.request()
    runner.plan(late.pk)
    world.person.grants.all().delete()

    for deployment in (early, late):
        world.walk(deployment)
        assert_failed(deployment, "no_permission", who=world.person.username, action="deploy")


def test_a_build_that_fails_shows_its_last_lines(world):
    deployment = world.deploy("no-build")

    assert_failed(deployment, "build_failed", step="build", exit_status=3)
    build = broken(deployment)
    assert (build.key, build.status, build.exit_status) == ("build", "failed", 3)
    assert build.reason_params["tail"] == ["so far so good", "no compiler"] or build.reason_params["tail"] == [
        "no compiler",
        "so far so good",
    ]
    assert build.reason_params["line"] == 3
    assert not world.folder().exists()


def test_a_build_that_hangs_is_ended(world):
    pipeline(world, "build: {commands: [sleep 600], timeout: 0.3}")

    deployment = world.deploy()

    assert_failed(deployment, "build_timed_out", step="build")
    assert broken(deployment).status == "timed_out"


def test_a_build_that_prints_without_end_is_ended(world, settings):
    settings.LOG_LIMIT_BYTES = 100_000
    pipeline(world, "build: {commands: ['yes']}")

    deployment = world.deploy()

    assert deployment.status == "failed"
    assert deployment.reason in ("output_limit", "build_output_limit")
    assert broken(deployment).log_bytes <= 100_000


def test_a_link_out_of_the_tree_is_not_shipped(world):
    pipeline(world, "build: {commands: [ln -s /etc/passwd passwd]}")

    assert_failed(world.deploy(), "link_leaves_tree", step="package", path="passwd")


def test_a_deployment_that_takes_too_long_is_ended(world, settings):
    settings.STOP_POLL_S = 0.02
    pipeline(world, "build: {commands: [sleep 600]}\ntimeouts: {total: 0.3}")

    deployment = world.deploy()

    assert_failed(deployment, "total_timeout", step="build")
    assert broken(deployment).status == "timed_out"


@pytest.mark.parametrize(("times", "status", "running"), [(1, "succeeded", "built 2"), (9, "failed", "built 2")])
def test_an_answer_lost_after_the_switch_is_read_back_before_anything_is_decided(
    world, monkeypatch, times, status, running
):
    """The command was sent and done; whether it was, nobody heard, once or each time."""
    world.deploy("v1")
    pipeline(world, "build: {commands: ['echo built $(cat version) > built']}\nbatches: {on_failure: stop}")
    switch, lost = staging.switch, []

    def lose_the_answer(connection, *args, **more):
        was = switch(connection, *args, **more)
        if len(lost) < times and connection.server.name.endswith("-1"):
            lost.append(was)
            raise errors.ConnectionLost(server=connection.server.name)
        return was

    monkeypatch.setattr(staging, "switch", lose_the_answer)
    deployment = world.deploy("v2")

    assert deployment.status == status, told(deployment)
    assert world.running() == [running] * 2
    real = {(world.folder(number) / "current").resolve().name for number in (0, 1)}
    assert {each.release.name for each in deployments.current(world.environment)} == real


def test_a_branch_that_tries_to_weaken_production_is_refused_or_held(world):
    world.environment.is_protected, world.environment.approvals_needed = True, 1
    world.environment.batch_size, world.environment.verify_minutes = 1, 5
    world.environment.save()
    check = "health: {http: {port: PORT}}\n"
    tries = {
        "servers: [web-9]": "pipeline_unknown_key",
        "approvals: 0": "pipeline_unknown_key",
        "protected: false": "pipeline_unknown_key",
        "environments: {staging: {protected: false}}": "pipeline_unknown_key",
        "restart: {command: 'true'}": "health_required",
    }
    for text, code in tries.items():
        pipeline(world, text if code == "health_required" else check + text)
        refused = world.request()
        runner.plan(refused.pk)
        refused.refresh_from_db()
        assert (refused.status, refused.reason) == ("failed", code), text

    pipeline(world, check + "batches: {size: 100%}\nverify: 0")
    held = world.request()
    runner.plan(held.pk)
    held.refresh_from_db()

    assert held.status in ("awaiting_confirmation", "awaiting_approval")
    shape = course.shape_of(held.plan["pipeline"], world.environment)
    assert (shape.batches.at_most, shape.verify_s) == (1, 300)


def test_servers_that_changed_meanwhile_are_not_guessed_at(world):
    deployment = world.request()
    runner.plan(deployment.pk)
    world.environment.placements.last().delete()

    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert_failed(deployment, "servers_changed", now=[f"{world.app.name}-1"])


# --- servers ----------------------------------------------------------------------------------------------------------


def test_an_unreachable_server_fails_before_any_is_switched(world):
    world.deploy("v1")
    Server.objects.filter(pk=server(world, 2).pk).update(port=free_port())

    deployment = world.deploy("v2")

    assert_failed(deployment, "unreachable", step=f"stage:{world.app.name}-2", server=f"{world.app.name}-2")
    assert world.running() == ["built 1", "built 1"]


def test_another_host_key_than_the_pinned_one_is_never_accepted(world, boxes):
    Server.objects.filter(pk=server(world, 2).pk).update(host_key=boxes[0].host.public)

    assert_failed(world.deploy(), "host_key_changed", server=f"{world.app.name}-2")


def test_a_server_nobody_confirmed_is_not_used(world):
    Server.objects.filter(pk=server(world, 1).pk).update(host_key="")

    assert_failed(world.deploy(), "host_key_unknown", server=f"{world.app.name}-1")


def test_a_wrong_login_is_told_by_the_servers_name(world):
    credential = Credential.objects.create(name="wrong", kind=Credential.Kind.PASSWORD)
    credentials.keep_password(credential, "not the password")
    credential.save()
    Server.objects.filter(pk=server(world, 2).pk).update(credential=credential)

    assert_failed(world.deploy(), "login_refused", server=f"{world.app.name}-2")


def test_a_credential_sealed_with_another_key_fails_the_first_step(world):
    Credential.objects.update(sealed="v1.gone.AAAA")

    assert_failed(world.deploy(), "key_missing", step="start")


def test_a_folder_in_the_place_of_current_is_left_alone(world):
    (world.folder(1) / "current").mkdir(parents=True)

    deployment = world.deploy()

    assert (deployment.status, deployment.reason) == ("failed", "current_is_no_link"), told(deployment)
    assert (world.folder(1) / "current").is_dir()
    assert not (world.folder(1) / "current").is_symlink()


# --- after the switch -------------------------------------------------------------------------------------------------


def test_an_ill_release_is_taken_back_on_every_server(world):
    world.deploy("v2")

    deployment = world.deploy("ill")

    assert (deployment.status, deployment.reason) == ("rolled_back", "health_failed"), told(deployment)
    assert deployment.reason_params["answer"].startswith("503")
    assert world.running() == ["built 2", "built 2"]
    assert [each.release for each in deployments.current(world.environment)] == [deployment.previous] * 2
    back = deployment.steps.filter(kind="back")
    assert [step.status for step in back] == ["succeeded", "succeeded"]
    assert (world.folder() / "restarts").read_text().splitlines()[-1] == deployment.previous.revision
    assert Deployment.objects.exclude(pk=deployment.pk).get().release == deployment.previous


def test_a_first_release_that_is_ill_has_no_way_back_and_says_who_runs_it(world):
    deployment = world.deploy("ill")

    assert_failed(
        deployment,
        "health_failed",
        runs={deployment.release.name: [f"{world.app.name}-1", f"{world.app.name}-2"]},
    )
    assert not deployment.steps.filter(kind="back").exists()


def test_a_release_that_falls_ill_while_it_is_watched_is_taken_back(world):
    pipeline(world, "health: {http: {port: PORT, path: /}, timeout: 0.2, interval: 0.05}\nverify: 60")
    first = world.request("v1")
    runner.plan(first.pk)

    def fall_ill(name, phase):
        if name == "verify":
            (world.folder(1) / "current" / "healthy").unlink()
        return phase()

    runner.run(first.pk, do_step=fall_ill)

    first.refresh_from_db()
    assert_failed(first, "health_failed", server=f"{world.app.name}-2")
    moves = first.journal.filter(kind="deployment.moved").values_list("payload__to", flat=True)
    assert list(moves) == ["queued", "running", "verifying", "failed"]


def test_a_restart_that_fails_is_taken_back(world):
    world.deploy("v1")
    pipeline(world, "restart: {command: 'echo cannot bind >&2; exit 7'}")

    deployment = world.deploy("v2")

    assert (deployment.status, deployment.reason) == ("rolled_back", "command_failed"), told(deployment)
    assert deployment.reason_params["exit_status"] == 7
    assert deployment.reason_params["tail"] == ["cannot bind"]
    assert (world.folder() / "current" / "version").read_text() == "1"


def test_a_command_on_a_server_that_hangs_is_killed_there(world):
    world.deploy("v1")
    pipeline(world, "restart: {command: 'echo $$ > ../../hanging; exec sleep 600', timeout: 0.3}")

    deployment = world.deploy("v2")

    assert (deployment.status, deployment.reason) == ("rolled_back", "timed_out"), told(deployment)
    assert broken(deployment).status == "timed_out"
    pid = int((world.folder() / "hanging").read_text())
    wait_until(lambda: not is_running(pid), what="the remote process is gone")


def test_a_way_back_that_fails_says_which_server_runs_what(world):
    world.deploy("v1")
    pipeline(
        world, "hooks: {after_switch: ['test ${SHIPROOM_SERVER##*-} = 1 || { rm -rf ../$OLD.id ../$OLD; false; }']}"
    )
    world.environment.variables = {"OLD": world.environment.releases.get().name}
    world.environment.save()

    deployment = world.deploy("v2")

    assert (deployment.status, deployment.reason) == ("failed", "command_failed"), told(deployment)
    assert deployment.reason_params["runs"] == {
        world.environment.variables["OLD"]: [f"{world.app.name}-1"],
        "": [f"{world.app.name}-2"],
    }
    assert not deployment.steps.filter(status__in=("pending", "running")).exists()


def test_a_fault_of_ours_ends_the_deployment_with_a_number_that_is_in_the_log(world, monkeypatch, caplog):
    def fail(*_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("deploy_core.run.preparing.artifacts.store", fail)

    deployment = world.deploy()

    assert_failed(deployment, "internal", step="package")
    assert f"fault {deployment.reason_params['fault']}" in caplog.text


def test_whatever_an_error_carries_can_be_stored(world, monkeypatch):
    def fail(*_, **__):
        raise errors.BuildError("odd_file", path=Path("/a"), name="nul\x00 and \udc80", more={"at": (1, 2)})

    monkeypatch.setattr("deploy_core.run.preparing.artifacts.store", fail)

    assert_failed(world.deploy(), "odd_file", path="/a", name="nul\\x00 and \\xdc80", more={"at": [1, 2]})


@pytest.mark.parametrize("place", ["facts.keep_release", "phases.of"])
def test_a_fault_between_steps_ends_the_deployment_too(world, monkeypatch, caplog, place):
    def fail(*_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(f"deploy_core.run.{place}", fail)

    deployment = world.deploy()

    assert_failed(deployment, "internal")
    assert f"fault {deployment.reason_params['fault']}" in caplog.text


# --- interruptions ----------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process is gone."""


def test_a_run_interrupted_before_and_after_every_phase_is_walked_to_its_end(world):
    deployment = world.request("main")
    runner.plan(deployment.pk)
    survived = set()

    def crash_once(name, phase):
        for moment in (f"before {name}", f"after {name}"):
            code = phase() if moment.startswith("after") else ""
            if moment not in survived:
                survived.add(moment)
                raise Crash
        return code

    for _ in range(100):
        try:
            runner.run(deployment.pk, do_step=crash_once)
            break
        except Crash:
            continue

    deployment.refresh_from_db()
    assert deployment.status == "succeeded", told(deployment)
    assert world.running() == ["built 2", "built 2"]
    assert set(deployment.steps.values_list("attempt", flat=True)) == {1}
    assert {moment.partition(" ")[2] for moment in survived} == {
        *("build", "stage", "switch-0", "restart-0", "health-0", "succeed"),
    }


def test_a_way_back_interrupted_before_and_after_it_is_walked_to_its_end(world):
    world.deploy("v1")
    deployment = world.request("ill")
    runner.plan(deployment.pk)
    moments = iter(("before", "after"))

    def crash(name, phase):
        moment = next(moments, "") if name == "end" else ""
        if moment == "before":
            raise Crash
        code = phase()
        if moment == "after":
            raise Crash
        return code

    for _ in range(2):
        with pytest.raises(Crash):
            runner.run(deployment.pk, do_step=crash)
    assert runner.run(deployment.pk, do_step=crash) == "over"

    deployment.refresh_from_db()
    assert deployment.status == "rolled_back", told(deployment)
    assert world.running() == ["built 1", "built 1"]


def test_a_step_that_was_interrupted_runs_again_in_a_new_epoch(world):
    deployment = world.request("main")
    runner.plan(deployment.pk)
    journal.move(deployment.pk, Status.RUNNING)
    Deployment.objects.filter(pk=deployment.pk).update(plan={**plan_of(deployment), "before": {}})
    epoch = journal.take_over(deployment.pk, "dead")
    build = deployment.steps.get(key="build")
    journal.move_step(build.pk, "running", epoch=epoch)

    runner.run(deployment.pk)

    build.refresh_from_db()
    deployment.refresh_from_db()
    assert deployment.status == "succeeded", told(deployment)
    assert (build.attempt, build.epoch) == (2, deployment.epoch)
    assert deployment.epoch > epoch
    assert deployment.journal.filter(kind="deployment.taken_over").count() == 1


def plan_of(deployment):
    deployment.refresh_from_db()
    return deployment.plan


@pytest.mark.parametrize("before", ["stage", "switch-0"])
def test_an_overtaken_worker_stops_and_writes_nothing_more(world, before):
    deployment = world.request("main")
    runner.plan(deployment.pk)
    entries = []

    def overtake(name, phase):
        if name == before:
            journal.take_over(deployment.pk, "another")
            entries.append(deployment.journal.count())
        return phase()

    assert runner.run(deployment.pk, do_step=overtake) == "fenced"

    deployment.refresh_from_db()
    assert (deployment.status, deployment.journal.count()) == ("running", entries[0])
    assert (deployment.release is None) is (before == "stage")
    assert not (world.folder() / "current").exists()


@pytest.fixture
def live_world(transactional_db, boxes, repository, doctors, settings):
    """A world whose rows other threads see."""
    settings.SHIPROOM_GIT_FILE_URLS = True
    settings.STOP_POLL_S = 0.02
    return make_world(repository, boxes, doctors, f"live-{free_port()}")


class Walker(threading.Thread):
    """Walks a deployment, as the engine's thread does."""

    def __init__(self, deployment):
        super().__init__()
        self.deployment = deployment
        self.parked = False
        self.start()

    def run(self):
        try:
            runner.plan(self.deployment.pk)
            runner.run(self.deployment.pk)
        except job.Parked:
            self.parked = True
        finally:
            connections.close_all()


def test_a_cancel_stops_the_remote_command_and_goes_back(live_world):
    world = live_world
    world.deploy("v1")
    pipeline(world, "restart: {command: 'echo $$ > ../../hanging; exec sleep 600'}")
    deployment = world.request("v2")
    walker = Walker(deployment)
    hanging = world.folder() / "hanging"
    pid = int(wait_until(lambda: hanging.exists() and hanging.read_text().strip(), what="the restart hangs"))

    deployments.cancel(deployment, by=world.person)
    walker.join(30)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("cancelled", "cancelled_by"), told(deployment)
    assert deployment.reason_params == {"by": world.person.username}
    assert (world.folder() / "current" / "version").read_text() == "1"
    assert deployment.steps.get(key=f"restart:{world.app.name}-1").status == "cancelled"
    wait_until(lambda: not is_running(pid), what="the remote process is gone")


def test_a_cancel_while_building_leaves_servers_alone(live_world):
    world = live_world
    pipeline(world, "build: {commands: ['echo $$; exec sleep 600']}")
    deployment = world.request()
    walker = Walker(deployment)
    wait_until(lambda: deployment.steps.get(key="build").log_lines > 1, what="the build runs")

    deployments.cancel(deployment, by=world.person)
    walker.join(30)

    deployment.refresh_from_db()
    assert deployment.status == "cancelled", told(deployment)
    assert deployment.steps.get(key="build").status == "cancelled"
    assert deployment.steps.get(key=f"switch:{world.app.name}-1").reason == "not_reached"
    assert not world.folder().exists()


def test_a_process_that_goes_away_leaves_the_step_as_it_is_for_the_next_one(live_world):
    world = live_world
    pipeline(world, "build: {commands: ['test -e healthy && test -e ../../../../go || exec sleep 600']}")
    deployment = world.request()
    walker = Walker(deployment)
    wait_until(lambda: deployment.steps.get(key="build").log_lines > 0, what="the build runs")

    runner.park(wait_s=0)
    walker.join(30)

    assert walker.parked
    deployment.refresh_from_db()
    assert deployment.status == "running"
    assert deployment.steps.get(key="build").status == "running"

    pipeline(world, "")
    Deployment.objects.filter(pk=deployment.pk).update(plan={**deployment.plan, "pipeline": "keep: 3"})
    runner.run(deployment.pk)
    deployment.refresh_from_db()
    assert deployment.status == "succeeded", told(deployment)


def test_a_database_that_is_locked_for_a_while_only_delays(live_world, monkeypatch):
    world = live_world
    if connection.vendor != "sqlite":
        return  # one writer at a time is SQLite's
    go = world.folder().with_suffix(".go")
    pipeline(world, f"hooks: {{before_switch: ['echo up > {go}.up; while ! test -e {go}; do sleep 0.05; done']}}")
    deployment = world.request()
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.05)
    walker = Walker(deployment)
    wait_until(lambda: Path(f"{go}.up").exists(), what="the hook runs")

    with transaction.atomic():
        world.person.save()  # the lock is ours
        go.touch()
        walker.join(0.5)
        assert walker.is_alive()
    walker.join(30)

    deployment.refresh_from_db()
    assert deployment.status == "succeeded", told(deployment)


def test_a_worker_that_comes_back_to_other_servers_does_not_call_it_rolled_back(world):
    world.deploy("v1")
    deployment = world.request("ill")
    runner.plan(deployment.pk)

    def crash(name, phase):
        if name == "end":
            raise Crash
        return phase()

    with pytest.raises(Crash):
        runner.run(deployment.pk, do_step=crash)
    world.environment.placements.last().delete()
    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert_failed(deployment, "health_failed")
    assert deployment.reason_params["runs"] == {deployment.release.name: [f"{world.app.name}-1", f"{world.app.name}-2"]}


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(") ")[2][0] != "Z"
