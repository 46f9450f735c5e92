"""The engine: order, what it finds again by itself, and what survives kill -9."""

import os
import signal
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connections

from deploy_core import deployments, steering
from deploy_core.models import Deployment, Environment, Placement
from deploy_core.run import engine
from deploy_core.run.slots import Slots
from tests.core.world import make_world, told
from tests.services.openssh import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
ENDED = {"succeeded", "failed", "cancelled", "rolled_back"}


@pytest.fixture
def live_world(transactional_db, boxes, repository, doctors, settings):
    """A world whose rows the engine's threads see, and settings that make it quick."""
    settings.SHIPROOM_GIT_FILE_URLS = True
    settings.STOP_POLL_S = 0.02
    settings.ENGINE_POLL_S = 600  # nobody waits for a look into the queues
    settings.TICK_S = 0.1
    return make_world(repository, boxes, doctors, f"engine-{free_port()}")


@pytest.fixture
def launched(live_world):
    """The engine of this process."""
    yield engine.launch()
    engine.stop()


def ended(*wanted):
    """The deployments, once all of them have ended."""

    def look():
        found = [Deployment.objects.get(pk=each.pk) for each in wanted]
        return found if all(each.status in ENDED for each in found) else None

    return wait_until(look, what="the deployments end")


def test_what_is_asked_for_runs_in_order_one_at_a_time(live_world, launched):
    world = live_world
    asked = [world.request(ref) for ref in ("v1", "v2", "v1")]

    found = ended(*asked)

    assert [each.status for each in found] == ["succeeded"] * 3, "\n".join(map(told, found))
    assert [each.executor for each in found] == [launched] * 3
    assert all(before.finished <= after.started for before, after in pairwise(found))
    assert world.running() == ["built 1", "built 1"]


def test_no_more_deployments_run_at_once_than_the_limit(live_world, settings, tmp_path):
    world, go = live_world, tmp_path / "go"
    settings.ENGINE_LIMIT = 1
    world.app.pipeline = f"hooks: {{before_switch: ['until test -e {go}; do sleep 0.02; done']}}"
    world.app.save()
    other = Environment.objects.create(app=world.app, name="qa", path=f"{world.environment.path}-qa")
    for placement in world.environment.placements.all():
        Placement.objects.create(environment=other, server=placement.server, position=placement.position)
    engine.launch()
    try:
        first = world.request("v1")
        wait_until(lambda: first.steps.filter(kind="switch", log_lines__gt=0).exists(), what="the hook runs")
        second = deployments.request(world.app, "v1", other, by=world.person, surface="web")
        wait_until(lambda: Deployment.objects.get(pk=second.pk).status == "queued", what="it is planned")
        assert not second.steps.filter(kind="build").exclude(status="pending").exists()
        go.touch()

        found = ended(first, second)
    finally:
        engine.stop()

    assert [each.status for each in found] == ["succeeded"] * 2, "\n".join(map(told, found))
    assert found[0].finished <= found[1].started


def test_what_nobody_woke_it_for_is_found_by_the_ticker(live_world, monkeypatch):
    world = live_world
    deployment = world.request("v1")  # no engine yet: only rows

    engine.launch()
    try:
        [found] = ended(deployment)
    finally:
        engine.stop()

    assert found.status == "succeeded", told(found)


def test_a_run_that_ended_without_moving_its_row_is_run_again(live_world, launched, monkeypatch):
    world = live_world
    from deploy_core.run import runner

    real, lost = runner.plan, []

    def lose_the_first(deployment_id, run, **more):
        if not lost:
            lost.append(run)
            raise RuntimeError("the disk was full")
        return real(deployment_id, run, **more)

    monkeypatch.setitem(engine._engine.acts, engine.PLANS, lose_the_first)
    deployment = world.request("v1")

    [found] = ended(deployment)

    assert (found.status, lost) == ("succeeded", [1]), told(found)
    assert found.run > 2


def test_whoever_asks_wakes_the_engine_and_so_does_each_run_that_ends(live_world, settings):
    settings.TICK_S = 600
    engine.launch()
    try:
        found = ended(live_world.request("v1"), live_world.request("v2"))
    finally:
        engine.stop()

    assert [each.status for each in found] == ["succeeded"] * 2, "\n".join(map(told, found))
    assert found[0].finished <= found[1].started


def test_a_process_has_so_many_runs_of_each_queue_in_hand_and_one_of_an_environment():
    slots = Slots(2)
    slots.note("taken up again", "plans")

    assert slots.take("first", "plans", 1)
    assert not slots.take("too many", "plans", 2)
    assert slots.take("another queue", "deployments", 1)
    assert not slots.take("same place", "deployments", 1)
    slots.free("another queue")
    assert slots.take("same place", "deployments", 1)


def test_a_run_of_another_version_waits_for_a_worker_that_knows_it(live_world, settings, monkeypatch):
    world, settings.ENGINE_POLL_S = live_world, 0.05
    world.app.pipeline = "keep: 5\n"
    world.app.save()
    other = Environment.objects.create(app=world.app, name="qa", path=f"{world.environment.path}-qa")
    for placement in world.environment.placements.all():
        Placement.objects.create(environment=other, server=placement.server, position=placement.position)

    def as_version(version: str, *, listen: bool = True) -> None:
        monkeypatch.setattr(engine, "WORKFLOW_VERSION", version)
        engine.launch(listen=listen)

    try:
        as_version("next", listen=False)  # a web process that was upgraded first
        newer = world.request("v1")
        newer.refresh_from_db()
        run = newer.run
        engine.stop()
        as_version("1")
        known = deployments.request(world.app, "v1", other, by=world.person, surface="web")
        [done] = ended(known)
        assert done.status == "succeeded", told(done)
        newer.refresh_from_db()
        assert (newer.status, newer.executor, newer.run) == ("planning", "", run)
        engine.stop()
        as_version("next")
        [done] = ended(newer)
    finally:
        engine.stop()

    assert done.status == "succeeded", told(done)


def test_what_stands_still_keeps_its_environment_and_goes_on_when_it_is_resumed(live_world, launched):
    world = live_world
    world.app.pipeline = "batches: {canary: 1, wait: canary}"
    world.app.save()
    first, second = world.request("v1"), world.request("v2")
    wait_until(lambda: Deployment.objects.filter(pk=first.pk, status="paused").exists(), what="the canary is done")
    wait_until(lambda: Deployment.objects.filter(pk=second.pk, status="queued").exists(), what="the other one waits")

    steering.resume(first, by=world.person)
    [found] = ended(first)
    assert found.status == "succeeded", told(found)

    wait_until(lambda: Deployment.objects.filter(pk=second.pk, status="paused").exists(), what="its turn comes")
    deployments.cancel(second, by=world.person)
    [found] = ended(second)
    assert found.status == "cancelled", told(found)
    assert [(world.folder(n) / "current" / "version").read_text() for n in (0, 1)] == ["1", "1"]


def test_a_second_engine_on_the_same_data_says_so_and_stops(launched):
    with pytest.raises(engine.AlreadyRunning, match="another process runs the engine on"):
        engine.launch()


def test_a_cancel_reaches_a_run_of_the_engine(live_world, launched):
    world = live_world
    world.app.pipeline = "build: {commands: [exec sleep 600]}"
    world.app.save()
    deployment, second = world.request("v1"), world.request("v2")
    wait_until(lambda: deployment.steps.get(key="build").log_lines, what="the build runs")

    deployments.cancel(deployment, by=world.person)
    deployments.cancel(second, by=world.person)

    found = ended(deployment, second)
    assert [each.status for each in found] == ["cancelled", "cancelled"]


def test_a_stopped_engine_parks_and_the_next_one_goes_on(live_world, settings):
    world = live_world
    settings.ENGINE_STOP_S = 0.0
    go = world.folder().with_suffix(".go")
    world.app.pipeline = f"hooks: {{before_switch: ['echo up > {go}.up; test -e {go} || exec sleep 600']}}"
    world.app.save()
    engine.launch()
    deployment = world.request("v1")
    try:
        wait_until(lambda: Path(f"{go}.up").exists(), what="the hook runs")
    finally:
        engine.stop()
    deployment.refresh_from_db()
    assert deployment.status == "running"
    assert deployment.steps.get(key=f"switch:{world.app.name}-1").status == "running"
    go.touch()

    engine.launch()
    try:
        [found] = ended(deployment)
    finally:
        engine.stop()

    assert found.status == "succeeded", told(found)
    assert found.steps.get(key=f"switch:{world.app.name}-1").attempt == 2
    assert found.steps.get(key=f"stage:{world.app.name}-1").attempt == 1
    assert found.journal.filter(kind="deployment.taken_over").count() == 1


# --- kill -9 ----------------------------------------------------------------------------------------------------------


class Installation:
    """A data folder of its own with the rows of a world, and `manage.py worker` on it."""

    def __init__(self, world, data):
        self.data = data
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chatops.settings",
            "SHIPROOM_DATA": str(data),
            "SHIPROOM_GIT_FILE_URLS": "1",
            "SHIPROOM_TICK_S": "0.2",
        }
        self.worker = None
        data.mkdir()
        # The rows and the key ring that opens their credentials, as this test's process has them.
        source = connections["default"]
        source.ensure_connection()
        with sqlite3.connect(data / "app.db") as target:
            source.connection.backup(target)
        (data / "keys.json").write_bytes(Path(world.key_file).read_bytes())
        (data / "keys.json").chmod(0o600)

    def start(self):
        self.worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert b"worker embedded is ready" in self.worker.stdout.readline()

    def kill(self, how=signal.SIGKILL):
        if self.worker and self.worker.poll() is None:
            self.worker.send_signal(how)
        if self.worker:
            self.worker.wait(30)
            self.worker.stdout.close()

    def ask(self, query):
        with sqlite3.connect(f"file:{self.data}/app.db?mode=ro", uri=True) as rows:
            return rows.execute(query).fetchone()[0]


def is_running(pid):
    """Whether a process runs; one that only waits for init to bury it does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_deployment_survives_kill_9_and_ends_by_itself_in_a_true_state(live_world, tmp_path, settings):
    world = live_world
    world.key_file = settings.SHIPROOM_KEY_FILE
    go = world.folder().with_suffix(".go")
    hang = f"echo $$ > {go}.up.$SHIPROOM_SERVER; test -e {go} || exec sleep 600"
    world.app.pipeline = f"hooks: {{before_switch: ['{hang}']}}"
    world.app.save()
    deployment = world.request("v1")
    installation = Installation(world, tmp_path / "data")
    started = [Path(f"{go}.up.{world.app.name}-{number}") for number in (1, 2)]

    installation.start()
    try:
        pids = [int(wait_until(lambda it=it: it.exists() and it.read_text().strip(), what="a hook")) for it in started]
        installation.kill()
        go.touch()
        installation.start()
        status = f"select status from deploy_core_deployment where id = {deployment.pk}"
        wait_until(lambda: installation.ask(status) in ENDED, what="the deployment ends")
    finally:
        installation.kill(signal.SIGTERM)

    assert installation.worker.returncode == 0
    assert installation.ask(status) == "succeeded"
    assert [(world.folder(number) / "current" / "version").read_text() for number in (0, 1)] == ["1", "1"]
    assert installation.ask("select max(attempt) from deploy_core_step where kind = 'switch'") == 2
    assert installation.ask("select max(attempt) from deploy_core_step where kind = 'stage'") == 1
    assert installation.ask("select count(*) from deploy_core_journalentry where kind = 'deployment.taken_over'") == 1
    assert not any(is_running(pid) for pid in pids), "what the dead worker had started still runs"
