"""Finding what was said, in the rooms that one is in: every word of the question, anywhere in a message."""

from typing import Any

from django.conf import settings
from django.db.models import Q

from chatops.room.models import Membership, Message
from deploy_core.models import Person
from deploy_core.rules.times import iso

#: One answer has so many messages; a question so many characters, of which so many words are looked for.
PAGE, LENGTH, WORDS = 20, 200, 8
SAID = (Message.Kind.CHAT, Message.Kind.COMMAND)


def find(person: Person, text: str, *, room_id: int | None = None, before: int | None = None) -> dict[str, Any]:
    """`{items: [{id, room, slug, q, at, by, text}], more, before}`, the newest first.

    `from:alice` among the words narrows it to what alice said. It is a scan, on every database: a word of Chinese has
    no spaces for an index of words to cut at. So the newest `SEARCH_ROWS` messages of the person's rooms are looked
    through; `before` is the id from which another question goes on, None when all are.
    """
    words = text[:LENGTH].split()[:WORDS]
    authors = [word[len("from:") :].lstrip("@") for word in words if word.lower().startswith("from:")]
    words = [word for word in words if not word.lower().startswith("from:")]
    if not words and not authors:
        return {"items": [], "more": False, "before": None}
    here = Membership.objects.filter(person=person)
    if room_id is not None:
        here = here.filter(room=room_id)
    looked_at = Message.objects.filter(room__in=list(here.values_list("room", flat=True))).order_by("-pk")
    if before is not None:
        looked_at = looked_at.filter(pk__lt=before)
    last = looked_at.values_list("pk", flat=True)[settings.SEARCH_ROWS - 1 : settings.SEARCH_ROWS].first()
    wanted = Q(kind__in=SAID, deleted__isnull=True, number__isnull=False)
    if last is not None:
        wanted &= Q(pk__gte=last)
    for word in words:
        wanted &= Q(text__icontains=word)
    for author in authors:
        wanted &= Q(author__username__iexact=author)
    found = list(looked_at.filter(wanted).select_related("author", "room")[: PAGE + 1])
    goes_on = found[PAGE - 1].pk if len(found) > PAGE else last
    return {"items": [_item(message) for message in found[:PAGE]], "more": goes_on is not None, "before": goes_on}


def _item(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "room": message.room_id,
        "slug": message.room.slug,
        "q": message.number,
        "at": iso(message.at),
        "by": message.said_by,
        "text": message.text[:400],
    }
