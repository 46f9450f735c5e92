"""`manage.py doctor` and `manage.py restored`."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from deploy_core.ledger import audit, journal
from deploy_core.models import AuditEntry, Deployment, Executor, sequence
from deploy_core.rules.status import Status
from deploy_core.run import heartbeat
from tests import factories, spoiling


def said(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_doctor_looks_at_the_machine_and_the_installation(db, settings):
    Executor.objects.create(name="embedded", seen=timezone.now(), started=timezone.now())
    factories.server("web-1")

    report = said("doctor")

    assert "ok       git version" in report
    assert f"warning  key ring {settings.SHIPROOM_KEY_FILE} lies beside the database" in report
    assert "ok       an engine runs" in report
    assert "warning  nobody confirmed the host key of web-1" in report
    assert "wrong  " not in report


def test_doctor_tells_whether_the_database_keeps_the_audit(alice):
    audit.record(alice, "deployment.request", "shop/staging #1", "accepted")
    without = said("doctor")
    spoiling.put()

    assert "warning  the database lets audit rows be changed" in without
    assert "ok       the database refuses changes of audit rows" in said("doctor")
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.all().delete()
    assert audit.verify() == (1, None)


def test_doctor_fails_when_something_is_wrong(alice, monkeypatch):
    audit.record(alice, "deployment.request", "shop/staging #1", "accepted")
    AuditEntry.objects.update(outcome="refused")
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(CommandError, match="2 wrong"):
        said("doctor")


def test_what_was_not_done_with_in_a_backup_is_failed_once_it_is_put_back(deployment, staging, alice):
    old = sequence.epoch()
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)
    fence = journal.take_over(deployment.pk, "dead")
    waiting = Deployment.objects.create(
        app=staging.app, environment=staging, ref="main", requested_by=alice, status=Status.QUEUED
    )

    report = said("restored")

    for number in (deployment.pk, waiting.pk):
        row = Deployment.objects.get(pk=number)
        assert (row.status, row.reason) == ("failed", "restored")
        assert f"#{number} was not done with in the backup" in report
    assert sequence.epoch() != old
    assert AuditEntry.objects.last().action == "installation.restored"
    with pytest.raises(journal.Fenced):
        journal.hold(deployment.pk, fence)


def test_nothing_is_restored_below_an_engine_that_runs(deployment):
    heartbeat.say_alive("here")

    with pytest.raises(CommandError, match="an engine runs on this database"):
        said("restored")

    deployment.refresh_from_db()
    assert deployment.status == "planning"
