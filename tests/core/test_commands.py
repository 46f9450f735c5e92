"""`manage.py audit` and `manage.py doctor`."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, Executor
from tests import factories


def said(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_audit_says_that_the_chain_is_whole(alice):
    audit.record(alice, "deployment.request", "shop/staging #1", "accepted")

    assert said("audit", "verify") == "1 audit rows, unbroken\n"


def test_audit_fails_and_names_the_row_that_was_changed(alice):
    audit.record(alice, "deployment.request", "shop/staging #1", "refused")
    AuditEntry.objects.update(outcome="accepted")

    with pytest.raises(CommandError, match="audit row 1 is changed or missing"):
        said("audit", "verify")


def test_doctor_looks_at_the_machine_and_the_installation(db, settings):
    Executor.objects.create(name="embedded", seen=timezone.now(), started=timezone.now())
    factories.server("web-1")

    report = said("doctor")

    assert "ok       git version" in report
    assert f"warning  key ring {settings.SHIPROOM_KEY_FILE} lies beside the database" in report
    assert "ok       an engine runs" in report
    assert "warning  nobody confirmed the host key of web-1" in report
    assert "wrong  " not in report


def test_doctor_fails_when_something_is_wrong(alice, monkeypatch):
    audit.record(alice, "deployment.request", "shop/staging #1", "accepted")
    AuditEntry.objects.update(outcome="refused")
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(CommandError, match="2 wrong"):
        said("doctor")
