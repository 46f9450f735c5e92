"""Locks: in one order for all, so that nobody who holds the audit's head waits for a row of somebody who wants it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deploy_core import deployments
from deploy_core.models import Lock, Notice, Person
from deploy_core.safety import locks
from deploy_core.safety.gates import Wish
from tests import factories
from tests.core.test_deployments import release


@pytest.fixture
def bob(db):
    return factories.person("bob", role="deployer")


def give_all_back(app, environment, by: Person) -> None:
    locks.release_mine(by)


def take_over(app, environment, by: Person) -> None:
    locks.take(app, "qa", by=by, steal=True)


def lapse(app, environment, by: Person) -> None:
    assert locks.lapse() == 2


def roll_back(app, environment, by: Person) -> None:
    deployments.roll_back(app, environment, by=by, surface="web", wish=Wish(because="errors since 14:02"))


def test_a_lock_of_somebody_who_left_holds_nobody_and_the_room_is_told(staging, alice, bob):
    locks.take(staging.app, "staging", by=bob, reason="mine for ever")
    asked = deployments.request(staging.app, "main", staging, by=alice, surface="web", wish=Wish(waits_for_lock=True))
    assert locks.in_the_way([asked])

    bob.is_active = False
    bob.save()

    assert not locks.in_the_way([asked])
    assert locks.lapse() == 1
    assert Notice.objects.get().code == "announce.lock_lapsed"
    assert locks.take(staging.app, "staging", by=alice).stolen_from is None


@pytest.mark.parametrize("act", [give_all_back, take_over, lapse, roll_back])
def test_rows_of_locks_come_before_the_first_line_of_audit(staging, alice, bob, act: Callable[..., None]):
    app = staging.app
    for name in ("edge", "west"):
        locks.take(app, name, by=alice)
    locks.take(app, "qa", by=bob)
    release(staging, "old", by=alice)
    release(staging, "new", by=alice)
    if act in (take_over, lapse):
        Lock.objects.filter(owner=alice).update(expires=timezone.now() - timedelta(minutes=1))

    with CaptureQueriesContext(connection) as seen:
        act(app, staging, alice)

    writes = [each["sql"] for each in seen if each["sql"].startswith(("UPDATE", "INSERT"))]
    of_locks = [at for at, sql in enumerate(writes) if '"deploy_core_lock"' in sql.split("SET")[0].split("(")[0]]
    of_audit = [at for at, sql in enumerate(writes) if '"deploy_core_auditentry"' in sql]
    assert of_locks
    assert max(of_locks) < min(of_audit)
