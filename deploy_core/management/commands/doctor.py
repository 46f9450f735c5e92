"""`manage.py doctor`: what this machine and this installation lack, one line each."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from deploy_core import keyring, sealing
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, Server
from deploy_core.reach import isolation
from deploy_core.run import heartbeat

Mark = Literal["ok", "warning", "wrong"]
Finding = tuple[Mark, str]

#: An engine that said nothing for so long is not there.
ENGINE_SILENT_S = 15.0


class Command(BaseCommand):
    help = "Look for what is missing or unsafe. Exits 1 when something is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for mark, words in findings():
            wrong += mark == "wrong"
            self.stdout.write(f"{mark:8} {words}")
        if wrong:
            raise CommandError(f"{wrong} wrong")


def findings() -> Iterator[Finding]:
    yield _git()
    yield _isolation()
    yield _keys()
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        yield "wrong", "the database is not up to date: run `manage.py migrate`"
        return
    yield "ok", f"database: {connection.vendor}, up to date"
    yield _engine()
    yield _audit()
    yield from _append_only()
    yield from _servers()


def _git() -> Finding:
    program = shutil.which("git")
    if not program:
        return "wrong", "git is not on PATH: apt-get install git"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return "ok", f"{version} ({program})"


def _isolation() -> Finding:
    if path := isolation.left_open():
        return "warning", f"builds can read {path}: take its mode for others away (chmod o-rwx)"
    match isolation.isolation():
        case "uid":
            return "ok", "builds run as a user of their own"
        case "namespace":
            return "ok", "builds run in a namespace that hides this server's data"
        case _:
            return "warning", "builds can read what this server can read: run it as root, or allow user namespaces"


def _keys() -> Finding:
    path = Path(settings.SHIPROOM_KEY_FILE)
    try:
        sealing.open_(sealing.seal(b"doctor", about="doctor"), about="doctor")
        keyring.check()
    except sealing.SealError as error:
        return "wrong", f"key ring {path}: {error}"
    if path.is_relative_to(settings.SHIPROOM_DATA):
        return "warning", f"key ring {path} lies beside the database it protects: set SHIPROOM_KEY_FILE"
    return "ok", f"key ring {path}"


def _engine() -> Finding:
    if heartbeat.is_alive(ENGINE_SILENT_S):
        return "ok", "an engine runs"
    return "warning", "no engine runs: start `manage.py serve` or `manage.py worker`"


def _audit() -> Finding:
    verdict = audit.verify()
    if verdict.broken_at is None:
        return "ok", f"{verdict.good} audit rows, unbroken"
    return "wrong", f"audit row {verdict.broken_at} is changed or missing"


def _append_only() -> Iterator[Finding]:
    """Whether the database lets a row of the audit be written anew; the same is written, and taken back."""
    last = AuditEntry.objects.last()
    if last is None:
        return
    try:
        with transaction.atomic():
            AuditEntry.objects.filter(pk=last.pk).update(outcome=last.outcome)
            transaction.set_rollback(True)
    except DatabaseError:
        yield "ok", "the database refuses changes of audit rows"
    else:
        yield "warning", "the database lets audit rows be changed: its triggers audit_not_… are gone"


def _servers() -> Iterator[Finding]:
    for server in Server.objects.filter(host_key=""):
        yield "warning", f"nobody confirmed the host key of {server.name}: nothing is deployed there"
