"""What a job does once more for a step that has ended: it bears what a step of its own would bear."""

import threading

import pytest
from django.db import OperationalError

from deploy_core.ledger import journal, log
from deploy_core.run.job import Job
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def job(deployment):
    epoch = journal.take_over(deployment.pk, "embedded")
    deployment.refresh_from_db()
    made = Job(deployment, epoch)
    yield made
    made.close()


def test_a_database_that_is_away_for_a_moment_only_delays(job, monkeypatch, settings):
    settings.STOP_POLL_S = 0.01
    failures = [OperationalError("the server closed the connection")] * 3
    store = log.LogWriter._store
    done = []

    def stored(self, *what):
        if failures:
            raise failures.pop()
        store(self, *what)

    def act(hands):
        hands.say("taken back")
        hands.record(lambda: done.append("recorded"))

    monkeypatch.setattr(log.LogWriter, "_store", stored)

    job.again("build", act)

    assert (failures, done) == ([], ["recorded"])
    assert [text for *_, text in log.lines(job.steps()["build"].pk)] == ["taken back"]


def test_one_that_is_away_for_too_long_ends_the_thread_too(job, monkeypatch, settings):
    settings.DATABASE_PATIENCE_S = settings.LOG_FLUSH_S = 0
    has_stopped = threading.Event()

    def fail(*_):
        raise OperationalError("the server closed the connection")

    def act(hands):
        hands.say("at work")
        wait_until(hands.stop, what="the thread is told to stop")
        has_stopped.set()

    monkeypatch.setattr(log.LogWriter, "_store", fail)

    with pytest.raises(OperationalError):
        job.again("build", act)

    assert has_stopped.wait(30)
