"""What goes wrong after the switch: servers run their old release again, or it is said which of them do not."""

from pathlib import Path

import pytest

from deploy_core import deployments, errors
from deploy_core.models import Deployment
from deploy_core.run import runner
from tests.core.world import assert_failed, broken, is_running, pipeline, told
from tests.waiting import wait_until


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
