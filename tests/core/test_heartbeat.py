"""What an engine process does each second."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from deploy_core import restoring
from deploy_core.models import Deployment, Executor
from deploy_core.rules.status import Status
from deploy_core.run import heartbeat, runner
from tests import factories
from tests.waiting import wait_until


@pytest.fixture
def at(alice):
    """Makes a deployment of a status in an environment."""

    def make(environment, status):
        return Deployment.objects.create(
            app=environment.app, environment=environment, requested_by=alice, status=status
        )

    return make


def test_an_executor_says_that_it_lives(db):
    assert not heartbeat.is_alive(15)

    heartbeat.say_alive("embedded")
    heartbeat.say_alive("embedded")

    assert Executor.objects.get().name == "embedded"
    assert heartbeat.is_alive(15)


def test_a_duty_that_fails_keeps_no_deployment_from_its_run(db, monkeypatch):
    monkeypatch.setattr(heartbeat.due, "act", lambda: 1 / 0)
    monkeypatch.setattr(heartbeat.lives, "note", Path("/dev/null/no").touch)
    ensured = []

    with pytest.raises(ZeroDivisionError):
        heartbeat.tick("me", ensured.append, lambda name: 0, heartbeat.Watch())

    assert ensured == [[]]


def beat(*names, hours=0):
    """These executors say that they live, when the database's clock is so many hours ahead."""
    for name in names:
        heartbeat.say_alive(name)
        Executor.objects.filter(pk=name).update(seen=timezone.now() + timedelta(hours=hours))


@pytest.fixture
def clock(settings):
    """A clock to watch by, which stands until it is set."""
    settings.EXECUTOR_SILENT_S = 10

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_runs_of_a_silent_executor_are_taken_over_once(db, clock):
    beat("me", "silent", "quick")
    watch, taken = heartbeat.Watch(clock), []

    for clock.now in (100, 105, 111, 112):
        beat("me", "quick")
        heartbeat.take_over_silent("me", lambda name: taken.append(name) or 0, watch)

    assert taken == ["silent"]
    assert set(Executor.objects.values_list("name", flat=True)) == {"me", "quick"}


def test_runs_that_an_engine_of_the_backup_had_in_hand_are_ended_by_another_one(db, clock, deployment):
    Executor.objects.create(name="lost", seen=timezone.now() - timedelta(hours=2), started=timezone.now())
    Deployment.objects.filter(pk=deployment.pk).update(status=Status.RUNNING, executor="lost", run=1)
    watch, taken = heartbeat.Watch(clock), []

    restoring.begin_anew()
    for clock.now in (100, 111):
        beat("me")
        heartbeat.take_over_silent("me", lambda name: taken.append(name) or 1, watch)

    assert taken == ["lost"]
    assert runner.run(deployment.pk, 1) == "over"
    assert not Executor.objects.filter(name="lost").exists()


def test_an_executor_that_speaks_again_meanwhile_keeps_its_row(db, clock):
    beat("slow")
    watch = heartbeat.Watch(clock)

    for clock.now in (100, 111):
        heartbeat.take_over_silent("me", lambda name: heartbeat.say_alive(name) or 0, watch)

    assert Executor.objects.get().name == "slow"


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_by_an_hour_makes_nobody_seem_dead(db, clock, hours):
    watch, taken = heartbeat.Watch(clock), []

    for clock.now, ahead in ((100, 0), (109, hours), (118, hours)):
        beat("me", "other", hours=ahead)
        heartbeat.take_over_silent("me", lambda name: taken.append(name) or 0, watch)

    assert taken == []


def test_of_two_who_see_a_silent_one_only_one_takes_over(db, clock):
    beat("silent")
    ours, theirs, taken = heartbeat.Watch(clock), heartbeat.Watch(clock), []

    def take(name):
        taken.append(name)
        if len(taken) == 1:  # while we are at it, somebody else looks
            heartbeat.take_over_silent("other", take, theirs)
        return 0

    for watch in (ours, theirs):
        heartbeat.take_over_silent("me", take, watch)
    clock.now = 111
    heartbeat.take_over_silent("me", take, ours)

    assert taken == ["silent"]


def test_planning_active_and_the_oldest_queued_of_a_free_environment_want_a_worker(staging, at):
    production = factories.environment(staging.app, "production")
    planning, running = at(staging, Status.PLANNING), at(staging, Status.RUNNING)
    at(staging, Status.QUEUED)
    first = at(production, Status.QUEUED)
    for status in (Status.QUEUED, Status.SUCCEEDED, Status.AWAITING_APPROVAL):
        at(production, status)

    assert set(heartbeat.wanting_work()) == {planning, running, first}


def test_who_asked_earlier_is_waited_for_while_it_is_planned(staging, at):
    earlier, later = at(staging, Status.PLANNING), at(staging, Status.QUEUED)
    assert heartbeat.wanting_work() == [earlier]

    way_back = at(staging, Status.QUEUED)
    Deployment.objects.filter(pk=way_back.pk).update(kind=Deployment.Kind.ROLLBACK)
    assert set(heartbeat.wanting_work()) == {earlier, way_back}

    Deployment.objects.filter(pk=earlier.pk).update(status=Status.FAILED)
    assert heartbeat.wanting_work() == [later]


def test_a_paused_deployment_wants_no_worker_and_lets_nobody_pass(staging, at):
    at(staging, Status.PAUSED)
    at(staging, Status.QUEUED)

    assert heartbeat.wanting_work() == []


def test_a_tick_that_fails_does_not_end_the_ticker(transactional_db, settings, caplog):
    settings.TICK_S = 0.01
    calls = []

    def ensure(rows):
        calls.append(list(rows))
        raise RuntimeError("engine trouble")

    ticker = heartbeat.Ticker("embedded", ensure=ensure, resume_runs_of=lambda name: 0)
    ticker.start()
    wait_until(lambda: len(calls) > 2, what="three ticks")
    ticker.stop()

    assert not ticker.is_alive()
    assert "a tick of embedded failed" in caplog.text
