"""What a person has not read yet, room by room: how much was said since, and how often they were called."""

from typing import NamedTuple

from django.db.models import Count, F

from chatops.room.models import Membership, Mention, Message
from deploy_core.models import Person

#: What counts. An answer of the bot or a card follows a command, which counts already.
_COUNTED = (Message.Kind.CHAT, Message.Kind.COMMAND, Message.Kind.ANNOUNCEMENT)


class Unread(NamedTuple):
    """`messages` of others above the last event the person read, `mentions` of them call the person."""

    messages: int = 0
    mentions: int = 0


def of(person: Person) -> dict[int, Unread]:
    """By room, for each of the person's rooms; two queries."""
    rooms = Membership.objects.filter(person=person).values_list("room", flat=True)
    news = Message.objects.filter(
        room__memberships__person=person,
        number__gt=F("room__memberships__read"),
        kind__in=_COUNTED,
        deleted__isnull=True,
    ).exclude(author=person)
    counts = dict(news.order_by().values("room").annotate(count=Count("pk")).values_list("room", "count"))
    calls = Mention.objects.filter(
        person=person,
        message__room__memberships__person=person,
        message__number__gt=F("message__room__memberships__read"),
    )
    called = calls.order_by().values("message__room").annotate(count=Count("pk"))
    mentions = dict(called.values_list("message__room", "count"))
    return {room: Unread(counts.get(room, 0), mentions.get(room, 0)) for room in rooms}
