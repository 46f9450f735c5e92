"""The audit chain."""

import pytest
from django.db import transaction

from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, sequence


@pytest.fixture
def chain(alice):
    for number in range(4):
        audit.record(alice, "deployment.request", f"shop/staging #{number}", "accepted", ref="main")


def test_an_unbroken_chain_verifies(chain):
    assert audit.verify() == (4, None)


def test_an_empty_chain_verifies(db):
    assert audit.verify() == (0, None)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "refused"},
        {"target": "shop/production #1"},
        {"params": {"ref": "other"}},
        {"actor": None},
        {"hash": "0" * 64},
    ],
)
def test_an_edited_row_is_named(chain, change):
    AuditEntry.objects.filter(number=2).update(**change)

    assert audit.verify() == (1, 2)


def test_a_removed_row_is_named(chain):
    AuditEntry.objects.filter(number=3).delete()

    assert audit.verify() == (2, 3)


def test_a_missing_tail_is_noticed(chain):
    AuditEntry.objects.filter(number=4).delete()

    assert audit.verify() == (3, 4)


def test_rows_that_are_written_during_the_walk_are_neither_missing_nor_too_many(chain, alice, monkeypatch):
    seen = audit._hash

    def and_write(entry):
        if entry.number == 4:
            audit.record(alice, "deployment.cancel", "shop/staging #1", "accepted")
        return seen(entry)

    monkeypatch.setattr(audit, "_hash", and_write)

    assert audit.verify().broken_at is None


def test_a_head_that_was_put_back_is_noticed(chain):
    sequence.StreamHead.objects.filter(kind="audit").update(number=3)

    assert audit.verify() == (4, 5)


def test_an_act_that_is_rolled_back_leaves_no_row(chain, alice):
    with transaction.atomic():
        audit.record(alice, "deployment.cancel", "shop/staging #1", "accepted")
        transaction.set_rollback(True)

    assert audit.verify() == (4, None)


def test_a_row_without_an_actor_is_the_systems(db):
    audit.record(None, "executor.taken_over", "embedded", "done")

    assert audit.verify() == (1, None)
