"""A run that is cut off, overtaken, cancelled or without its database: whoever goes on brings it to a true end."""

import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from deploy_core import deployments
from deploy_core.ledger import journal
from deploy_core.models import Deployment
from deploy_core.rules.status import Status
from deploy_core.run import job, runner
from tests.core.world import assert_failed, is_running, make_world, pipeline, told
from tests.services.openssh import free_port
from tests.waiting import wait_until


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
    before = world.deploy("v1").release
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
    assert deployment.reason_params["runs"] == {before.name: [f"{world.app.name}-1"], "": [f"{world.app.name}-2"]}
