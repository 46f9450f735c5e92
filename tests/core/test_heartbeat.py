"""What an engine process does each second."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core.models import Deployment, Executor
from deploy_core.rules.status import Status
from deploy_core.run import heartbeat
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


def test_runs_of_a_silent_executor_are_taken_over_once(db, settings):
    settings.EXECUTOR_SILENT_S = 10
    now = timezone.now()
    for name, age_s in (("me", 60), ("silent", 11), ("quick", 5)):
        Executor.objects.create(name=name, seen=now - timedelta(seconds=age_s), started=now)
    taken = []

    for _ in range(2):
        heartbeat.take_over_silent("me", lambda name: taken.append(name) or 0)

    assert taken == ["silent"]
    assert set(Executor.objects.values_list("name", flat=True)) == {"me", "quick"}


def test_an_executor_that_speaks_again_meanwhile_keeps_its_row(db, settings):
    Executor.objects.create(name="slow", seen=timezone.now() - timedelta(seconds=60), started=timezone.now())

    heartbeat.take_over_silent("me", lambda name: heartbeat.say_alive(name) or 0)

    assert Executor.objects.get().name == "slow"


def test_planning_active_and_the_oldest_queued_of_a_free_environment_want_a_worker(staging, at):
    production = factories.environment(staging.app, "production")
    planning, running = at(staging, Status.PLANNING), at(staging, Status.RUNNING)
    at(staging, Status.QUEUED)
    first = at(production, Status.QUEUED)
    for status in (Status.QUEUED, Status.SUCCEEDED, Status.AWAITING_APPROVAL):
        at(production, status)

    assert set(heartbeat.wanting_work()) == {planning, running, first}


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
