"""A walk over the roads of our own statements (deploy_core/models/statements.py), to be the same on every database."""

from typing import Any

from django.db import transaction

from chatops.room import acts, messages, progress
from chatops.room.models import Event, Line, Message
from deploy_core.ledger import audit, journal
from deploy_core.models import AuditEntry, Deployment, JournalEntry, Lock, Step
from deploy_core.models.statements import insert_if_new, select
from tests import factories

LINES = (
    "/lock rows in edge",
    "/lock rows in edge because of a migration",
    "/locks rows",
    "/unlock rows in edge",
    "/freeze rows in edge for 2h because of an audit",
    "/freezes rows",
    "/deploy rows to edge",
    "/unfreeze rows in edge",
    "/deploy rows to nowhere",
    "/deploy rows to edge",
)


def walk() -> list[Any]:
    """What was answered, what is in the journal and in the room, and what is read differently than by Django: nothing.
    All of it is taken back.
    """
    with transaction.atomic():
        try:
            return _walk()
        finally:
            transaction.set_rollback(True)


def _walk() -> list[Any]:
    alice = factories.person("alice-of-rows", role="manager")
    rows = factories.app("rows")
    factories.environment(rows, "edge", servers=(factories.server("rows-1"), factories.server("rows-2")))
    room = factories.room("rows", members=(alice,), apps=(rows,))
    told: list[Any] = []
    for number, text in enumerate(LINES):
        outcome = messages.post(author=alice, room=room, text=text, client_id=f"r{number}", surface="web")
        told.append((outcome["result"], (outcome["reply"] or {})["code"]))
    asked = Deployment.objects.get(app=rows)
    progress.announce(asked.pk)
    outcome = messages.post(author=alice, room=room, text=f"/cancel #{asked.pk}", client_id="end", surface="web")
    progress.announce(asked.pk)
    again = messages.post(author=alice, room=room, text="/lock rows in edge", client_id="end", surface="web")
    told += [outcome["result"], again["dup"], insert_if_new(Line.objects.get(client_id="end", author=alice))]
    told.append([(entry.number, entry.kind) for entry in asked.journal.all()])
    told.append([(event.number, event.kind) for event in Event.objects.filter(stream_kind="room", stream_id=room.pk)])
    told.append(acts.room_of(alice, room.pk) == room)
    told.append(audit.verify().broken_at)
    journal.fence_off(asked.pk)
    try:
        journal.hold(asked.pk, 1)
    except journal.Fenced:
        told.append("fenced")
    told.append(_read_differently())
    return told


def _read_differently() -> list[str]:
    found = []
    related: tuple[str, ...]
    for model, related in (
        (Lock, ("app", "owner")),
        (Deployment, ("app", "environment", "requested_by", "cancelled_by")),
        (Step, ("server",)),
        (JournalEntry, ("person",)),
        (AuditEntry, ("actor",)),
        (Message, ("deployment",)),
    ):
        name = model._meta.model_name
        ours = select(model, f"ORDER BY {name}.id", related=related)
        for mine, theirs in zip(ours, model.objects.order_by("pk"), strict=True):
            found += [
                f"{name}.{field.attname}"
                for field in model._meta.concrete_fields
                if getattr(mine, field.attname) != getattr(theirs, field.attname)
            ]
    return found
