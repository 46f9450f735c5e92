"""What lets tests spoil the audit, to see that it is noticed, and remove their rows. Real databases refuse both."""

from importlib import import_module

from django.db import connection

_append_only = import_module("deploy_core.migrations.0009_audit_append_only")


def lift() -> None:
    """Take away what refuses it (tests/room/test_server.py and tests/workers/test_database.py see it at work)."""
    _run(_append_only.LIFT[connection.vendor])


def put() -> None:
    """Put it back, within a test that is rolled back."""
    _run(_append_only.PUT[connection.vendor])


def _run(statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
