"""Deployments that stand still: paused by a person or by deploy.yml, resumed, cancelled."""

import pytest

from deploy_core import deployments, steering
from deploy_core.errors import Forbidden, Refused
from deploy_core.models import Credential, Placement
from deploy_core.run import runner
from tests import factories
from tests.core.world import deploy_with, names, pipeline, server, told


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


def pause_in(world, deployment, named):
    """Run until somebody, while the step that is `named` runs, pauses it."""
    runner.plan(deployment.pk)

    def do_step(name, phase):
        if name == named:
            steering.pause(deployment, by=world.person)
        return phase()

    assert runner.run(deployment.pk, do_step=do_step) == "paused"


def test_a_person_pauses_and_the_next_batch_does_not_begin(world):
    pipeline(world, "batches: {size: 1}")
    deployment = world.request("v1")
    pause_in(world, deployment, "restart-0")

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason_params) == ("paused", {"by": world.person.username})
    assert deployment.steps.get(key=f"health:{world.app.name}-1").status == "skipped"
    assert deployment.steps.get(key=f"switch:{world.app.name}-2").status == "pending"
    steering.resume(deployment, by=world.person)
    assert walk_once(deployment) == "ok", told(deployment)


def test_a_pause_in_the_last_batch_holds_the_end(world):
    deployment = world.request("v1")
    pause_in(world, deployment, "health-0")
    steering.resume(deployment, by=world.person)
    assert walk_once(deployment) == "ok", told(deployment)


def test_what_stands_still_can_be_cancelled_and_goes_back(world):
    deployment = deploy_with(world, "batches: {canary: 1, wait: canary}")
    assert (deployment.status, world.running()) == ("paused", ["built 2", "built 1"])

    deployments.cancel(deployment, by=world.person)
    walk_once(deployment)

    assert deployment.status == "cancelled", told(deployment)
    assert world.running() == ["built 1", "built 1"]


def add_server(world):
    Placement.objects.create(environment=world.environment, server=factories.server("web-5"), position=9)


def move_it(world):
    world.environment.path += "-elsewhere"
    world.environment.variables = {"THEME": "winter"}


def seal_otherwise(world):
    Credential.objects.filter(servers=server(world, 2)).update(sealed="by another key")
    world.environment.needs_health = True  # which is not asked of the way back


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (add_server, {"servers_changed"}),
        (move_it, {"plan_changed"}),
        (seal_otherwise, {"sealed_otherwise", "health_required"}),
    ],
)
def test_what_cannot_go_on_as_it_was_planned_goes_back(world, change, reasons):
    deployment = deploy_with(world, "batches: {canary: 1, wait: canary}")
    here = world.folder()
    change(world)
    world.environment.save()

    steering.resume(deployment, by=world.person)
    walk_once(deployment)

    assert deployment.status == "rolled_back", told(deployment)
    assert deployment.reason in reasons
    assert (here / "current" / "built").read_text() == "built 1\n"
    assert not world.folder().with_name(f"{here.name}-elsewhere").exists()


def test_a_server_that_was_taken_off_has_not_gone_back(world):
    deployment = deploy_with(world, "batches: {canary: 1, wait: canary}")
    world.environment.placements.first().delete()

    deployments.cancel(deployment, by=world.person)
    walk_once(deployment)

    assert (deployment.status, deployment.reason) == ("failed", "cancelled_half_way"), told(deployment)
    assert deployment.reason_params["runs"][""] == names(world, 1)


def test_only_what_runs_is_paused_and_only_what_is_paused_goes_on(world):
    deployment = world.request("v1")

    with pytest.raises(Refused) as not_running:
        steering.pause(deployment, by=world.person)
    with pytest.raises(Refused) as not_paused:
        steering.resume(deployment, by=world.person)
    with pytest.raises(Forbidden):
        steering.pause(deployment, by=factories.person("looker", role="viewer"))

    assert (not_running.value.code, not_paused.value.code) == ("not_running", "not_paused")
