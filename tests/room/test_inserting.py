"""Rows stored by our own statement are those that Django would have stored."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatops.room.inserting import insert
from chatops.room.models import Event, Line, Message
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice")


def _event(alice, number):
    return Event(
        stream_kind="room", stream_id=7, number=number, kind="message", payload={"text": "字 %s", "n": [1, None]},
        author=alice, surface="web", client_id=f"c{number}", at=timezone.now(),
    )  # fmt: skip


def test_rows_come_back_as_they_were_and_know_their_keys(alice):
    room = factories.room("demo", members=(alice,))
    events = [_event(alice, number) for number in (1, 2, 3)]
    message = Message(room=room, kind="chat", author=alice, client_id="c1", text="100 %", at=timezone.now())
    line = Line(author=alice, room=room, client_id="c1", surface="web", text="100 %", at=timezone.now())

    insert(events)
    insert([message])
    insert([line])
    insert([])

    assert [event.payload for event in Event.objects.order_by("number")] == [event.payload for event in events]
    assert list(Event.objects.order_by("number")) == events
    for row in (*events, message, line):
        stored = type(row).objects.get(pk=row.pk)
        assert not row._state.adding
        assert {f.attname: getattr(stored, f.attname) for f in row._meta.concrete_fields} == {
            f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields
        }


def test_a_row_that_breaks_a_rule_takes_the_others_with_it(alice):
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([_event(alice, 1), _event(alice, 1)])

    assert not Event.objects.exists()
