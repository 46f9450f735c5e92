"""Postgres itself: what it refuses, and what becomes of a deployment when it restarts."""

from pathlib import Path

import psycopg
import pytest

from tests.waiting import wait_until
from tests.workers.holding import pipeline
from tests.workers.installation import Installation
from tests.workers.test_kill import held_up

ROWS = "SELECT * FROM deploy_core_auditentry ORDER BY number"


def test_a_database_that_restarts_in_mid_deployment_only_delays_it(installation: Installation, go: Path) -> None:
    installation.use(pipeline("build", go))
    number = installation.ask("/deploy shop to staging")
    wait_until(lambda: held_up(installation, "build", number), 60, what="it builds")

    installation.restart_database()
    go.touch()

    assert installation.ended(number) == "succeeded", installation.told(number)
    assert set(installation.currents("staging")) == {installation.release(number)}
    assert "rows are good" in installation.web.manage("audit", "verify")


def test_the_database_refuses_to_change_or_remove_what_was_audited(installation: Installation) -> None:
    """As SQLite does (tests/room/test_server.py)."""
    if not installation.rows(ROWS):
        assert installation.say("/lock shop in edge").returncode == 0
    before = installation.rows(ROWS)

    for change in (
        "UPDATE deploy_core_auditentry SET outcome = 'other'",
        "DELETE FROM deploy_core_auditentry",
        "TRUNCATE deploy_core_auditentry",
        "TRUNCATE deploy_core_person CASCADE",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="rows of the audit are never"):
            installation.rows(change)

    assert before
    assert installation.rows(ROWS) == before
