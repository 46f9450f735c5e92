"""What goes wrong on the way: a clear reason, the step red with its last lines, servers on their old release."""

import pytest

from deploy_core import deployments, errors
from deploy_core.models import Credential, Server
from deploy_core.reach import credentials, staging
from deploy_core.run import course, runner
from tests.core.world import assert_failed, broken, names, pipeline, server, told
from tests.services.openssh import free_port

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


def lose_answers(monkeypatch, times):
    """The first server does what it is told to switch to, and so many of its answers are lost."""
    switch, lost = staging.switch, []

    def lose_the_answer(connection, *args, **more):
        was = switch(connection, *args, **more)
        if len(lost) < times and connection.server.name.endswith("-1"):
            lost.append(was)
            raise errors.ConnectionLost(server=connection.server.name)
        return was

    monkeypatch.setattr(staging, "switch", lose_the_answer)


def test_a_first_release_whose_switch_got_no_answer_is_told_where_it_runs(world, monkeypatch):
    pipeline(world, "build: {commands: ['echo built $(cat version) > built']}")
    lose_answers(monkeypatch, 9)

    deployment = world.deploy("v2")

    assert world.running() == ["built 2"] * 2
    assert_failed(deployment, "connection_lost", runs={deployment.release.name: names(world, 1, 2)})
    assert [each.release for each in deployments.current(world.environment)] == [deployment.release] * 2


@pytest.mark.parametrize(("times", "status", "running"), [(1, "succeeded", "built 2"), (9, "failed", "built 2")])
def test_an_answer_lost_after_the_switch_is_read_back_before_anything_is_decided(
    world, monkeypatch, times, status, running
):
    """The command was sent and done; whether it was, nobody heard, once or each time."""
    world.deploy("v1")
    pipeline(world, "build: {commands: ['echo built $(cat version) > built']}\nbatches: {on_failure: stop}")
    lose_answers(monkeypatch, times)
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
