"""Whom a text calls: `@name` a member of the room, `@oncall` whoever is on call for its apps.

`@here` calls those who look at the room just now: their pages hear it, and nobody finds it later as theirs.
"""

import re
from collections.abc import Collection, Iterable

from django.utils import timezone

from chatops.room.models import Membership, Mention, Message, Room
from deploy_core.models import Duty, Person

ONCALL = "oncall"
#: As static/js/markup.js finds them.
_CALL = re.compile(r"(?<![\w@/])@([a-z0-9][a-z0-9._-]{0,62})", re.IGNORECASE)
_FENCE = re.compile(r"^```[^\n`]*\n.*?\n?```[ \t]*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def names(text: str) -> set[str]:
    """What stands behind each `@` of a text, in lower case and without a sentence's full stop; code calls nobody."""
    return {name.lower().rstrip(".-_") for name in _CALL.findall(_FENCE.sub(" ", text))}


def note(messages: Iterable[Message]) -> None:
    """Keep whom `messages` call, each in their room and by name, so that it counts as unread for them."""
    called = [(message, found) for message in messages if "@" in message.text and (found := names(message.text))]
    mentions = []
    for message, found in called:
        people = _members(message.room_id, found)
        if ONCALL in found:
            people |= on_duty(message.room_id)
        mentions += [Mention(message=message, person_id=pk) for pk in sorted(people - {message.author_id})]
    Mention.objects.bulk_create(mentions, ignore_conflicts=True)


def note_again(message: Message) -> None:
    """The text of a message is another one now."""
    message.mentions.all().delete()
    note([message])


def _members(room_id: int, found: Collection[str]) -> set[int]:
    there = Membership.objects.filter(room=room_id, person__is_active=True)
    people = Person.objects.filter(pk__in=there.values("person")).values_list("pk", "username")
    return {pk for pk, name in people if name.lower() in found}


def on_duty(room_id: int) -> set[int]:
    """The members who are on call for an app that the room follows, or for all apps."""
    followed = set(Room.apps.through.objects.filter(room=room_id).values_list("app", flat=True))
    duties = Duty.objects.at(timezone.now())
    people = {duty.person_id for duty in duties if duty.app_id is None or duty.app_id in followed}
    return set(Membership.objects.filter(room=room_id, person__in=people).values_list("person", flat=True))
