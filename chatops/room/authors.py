"""Who may say what: asked for all lines of a group at once, before any is stored.

Plain SQL, because these four statements are most of what a line of chat costs: Django needs four times as long to write
them as the database to answer. They name only columns that have been there from the first migrations on.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from chatops.room.door import Identity, auth_hash
from chatops.room.models import Line
from deploy_core.models import Person
from deploy_core.models.statements import fetch

_SESSIONS = "SELECT session_key FROM django_session WHERE expire_date > %s AND session_key IN ({})"
_PEOPLE = "SELECT id, username, password FROM deploy_core_person WHERE is_active AND id IN ({})"
_WRITERS = """
    SELECT m.person_id, m.room_id, m.is_manager OR NOT r.is_announcements
    FROM room_membership m JOIN room_room r ON r.id = m.room_id JOIN deploy_core_person p ON p.id = m.person_id
    WHERE p.is_active AND m.person_id IN ({}) AND m.room_id IN ({})
"""
_MEMBER = """
    SELECT 1 FROM room_membership m JOIN deploy_core_person p ON p.id = m.person_id
    WHERE m.person_id = %s AND m.room_id = %s AND p.is_active
"""
_KNOWN = "SELECT author_id, client_id, outcome FROM room_line WHERE author_id IN ({}) AND client_id IN ({})"

#: A line's name: one author uses a client id once.
Name = tuple[int, str]


def signed_in(identities: Iterable[Identity]) -> dict[Identity, Person]:
    """The people whose session still exists, who are active, and whose password is the one they signed in with.

    Only their id, name and password are there, as `door.people_of` has them whole.
    """
    asked = set(identities)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    keys = {key for (key,) in _rows(_SESSIONS, {each.session_key for each in asked}, first=(now,))}
    people = {
        pk: Person(pk=pk, username=name, password=password)
        for pk, name, password in _rows(_PEOPLE, {each.person_id for each in asked})
    }
    return {
        each: people[each.person_id]
        for each in asked
        if each.session_key in keys
        and each.person_id in people
        and constant_time_compare(auth_hash(people[each.person_id].password), each.auth_hash)
    }


def writers(lines: Sequence[Line]) -> dict[tuple[int, int | None], bool]:
    """The (person, room) of active members among the authors, and whether they may write there."""
    rooms = {line.room_id for line in lines if line.room_id}
    rows = _rows(_WRITERS, {line.author_id for line in lines}, rooms) if rooms else ()
    return {(person, room): bool(may_write) for person, room, may_write in rows}


def is_active_member(person_id: int, room_id: int) -> bool:
    """Whether somebody active is in the room."""
    return bool(fetch(_MEMBER, (person_id, room_id)))


def known(lines: Sequence[Line]) -> dict[Name, dict[str, Any]]:
    """What came of those lines that were stored before."""
    rows = _rows(_KNOWN, {line.author_id for line in lines}, {line.client_id for line in lines})
    return {(author, client_id): json.loads(outcome) for author, client_id, outcome in rows}


def _rows(sql: str, *lists: Collection[Any], first: Sequence[Any] = ()) -> Iterable[tuple[Any, ...]]:
    """The rows that `sql` finds, each `{}` of it being one of `lists`."""
    if not all(lists):
        return ()
    marks = [", ".join(["%s"] * len(values)) for values in lists]
    return fetch(sql.format(*marks), [*first, *(value for values in lists for value in values)])
