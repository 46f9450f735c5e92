"""Finding what was said, in the rooms that one is in: every word of the question, anywhere in a message."""

from typing import Any

from django.db.models import Q

from chatops.room.models import Message, Room
from deploy_core.models import Person
from deploy_core.rules.times import iso

#: One answer has so many messages; a question so many characters, of which so many words are looked for.
PAGE, LENGTH, WORDS = 20, 200, 8
SAID = (Message.Kind.CHAT, Message.Kind.COMMAND)


def find(person: Person, text: str, *, room_id: int | None = None, before: int | None = None) -> dict[str, Any]:
    """`{items: [{id, room, slug, q, at, by, text}], more}`, the newest first; `before` is the id to go on from.

    `from:alice` among the words narrows it to what alice said. A plain scan of the person's own rooms, on every
    database: a word of Chinese has no spaces for an index of words to cut at.
    """
    words = text[:LENGTH].split()[:WORDS]
    authors = [word[len("from:") :].lstrip("@") for word in words if word.lower().startswith("from:")]
    words = [word for word in words if not word.lower().startswith("from:")]
    if not words and not authors:
        return {"items": [], "more": False}
    wanted = Q(kind__in=SAID, deleted__isnull=True, number__isnull=False, room__in=Room.objects.filter(members=person))
    if room_id is not None:
        wanted &= Q(room=room_id)
    if before is not None:
        wanted &= Q(pk__lt=before)
    for word in words:
        wanted &= Q(text__icontains=word)
    for author in authors:
        wanted &= Q(author__username__iexact=author)
    found = list(Message.objects.filter(wanted).select_related("author", "room").order_by("-pk")[: PAGE + 1])
    return {"items": [_item(message) for message in found[:PAGE]], "more": len(found) > PAGE}


def _item(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "room": message.room_id,
        "slug": message.room.slug,
        "q": message.number,
        "at": iso(message.at),
        "by": message.author.username if message.author else "",
        "text": message.text[:400],
    }
