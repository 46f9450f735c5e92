"""The audit chain: who did, or was refused, what. Each row's hash covers the row before it."""

import hashlib
import json
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from deploy_core.models import AuditEntry, Person, sequence
from deploy_core.models.statements import fetch, insert

_BEGINNING = "0" * 64


class Verdict(NamedTuple):
    """What `verify` found: how many rows are good from the first on, and the number of the first bad or missing one."""

    good: int
    broken_at: int | None


def record(actor: Person | None, action: str, target: str, outcome: str, **params: Any) -> int:
    """Append a row and return its number. In the transaction of the act it tells of, and last: the head is one lock."""
    with transaction.atomic(savepoint=False):
        number = sequence.take("audit", 0)
        previous = fetch("SELECT hash FROM deploy_core_auditentry WHERE number = %s", (number - 1,))
        entry = AuditEntry(
            number=number,
            at=timezone.now(),
            actor=actor,
            action=action,
            target=target[:200],
            outcome=outcome,
            params=params,
            previous_hash=previous[0][0] if previous else _BEGINNING,
        )
        entry.hash = _hash(entry)
        insert([entry])
    return number


def verify() -> Verdict:
    """Walk the chain from its first row."""
    least = _head()
    previous = _BEGINNING
    good = 0
    for entry in AuditEntry.objects.order_by("number").iterator():
        if entry.number != good + 1 or entry.previous_hash != previous or entry.hash != _hash(entry):
            return Verdict(good, good + 1)
        previous = entry.hash
        good += 1
    # Others write while we walk: some of that was walked, and none of it is missing.
    return Verdict(good, None if least <= good <= _head() else good + 1)


def _head() -> int:
    return sequence.StreamHead.objects.filter(kind="audit", stream_id=0).values_list("number", flat=True).first() or 0


def _hash(entry: AuditEntry) -> str:
    content = [
        entry.number,
        entry.at.isoformat(),
        entry.actor_id,
        entry.action,
        entry.target,
        entry.outcome,
        entry.params,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
