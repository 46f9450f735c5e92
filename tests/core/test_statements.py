"""Rows that our own statements store and read are those that Django would have stored and read."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatops.room.models import Event, Line, Message
from deploy_core.models import Deployment, Lock
from deploy_core.models.statements import insert, insert_if_new, refresh, select, update
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


def _fields(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_more_rows_than_one_statement_takes_are_stored_by_several(alice):
    events = [_event(alice, number) for number in range(1, 401)]

    insert(events)

    assert list(Event.objects.order_by("number")) == events


def test_a_row_that_is_there_already_is_left_as_it_is(alice):
    first, second = (
        Line(author=alice, client_id="c1", surface="web", text=text, at=timezone.now()) for text in ("one", "two")
    )

    assert insert_if_new(first)
    assert not insert_if_new(second)

    assert second.pk is None
    assert Line.objects.get() == first
    assert Line.objects.get().text == "one"


def test_only_the_fields_that_are_named_change(alice):
    line = Line(author=alice, client_id="c1", surface="web", text="one", at=timezone.now())
    insert([line])
    line.outcome, line.text = {"result": "done", "q": None}, "two"

    update(line, "outcome")

    stored = Line.objects.get()
    assert (stored.outcome, stored.text) == ({"result": "done", "q": None}, "one")
    refresh(line)
    assert _fields(line) == _fields(stored)
    stored.delete()
    with pytest.raises(Line.DoesNotExist):
        refresh(line)


def test_rows_are_read_as_django_reads_them_with_what_they_are_related_to(alice):
    shop = factories.app("shop")
    staging = factories.environment(shop, "staging")
    Deployment.objects.create(app=shop, environment=staging, requested_by=alice, plan={"only": ["web-1"]})
    Lock.objects.create(app=shop, environment="staging", owner=alice, expires=timezone.now())
    Lock.objects.create(owner=alice)

    for model, related in ((Lock, ("app", "owner")), (Deployment, ("environment", "requested_by", "cancelled_by"))):
        name = model._meta.model_name
        read = select(model, f"WHERE {name}.id > %s ORDER BY {name}.id", (0,), related=related)

        with_django = list(model.objects.order_by("pk").select_related(*related))
        assert read == with_django
        for mine, theirs in zip(read, with_django, strict=True):
            assert _fields(mine) == _fields(theirs)
            for each in related:
                assert each in mine._state.fields_cache
                others = (getattr(mine, each), getattr(theirs, each))
                assert others == (None, None) or _fields(others[0]) == _fields(others[1])
    assert select(Lock, "WHERE lock.id = %s", (0,)) == []
