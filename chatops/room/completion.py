"""What may come next in the composer: people behind an `@`, else the bot's answer for a line that is being typed."""

import re
from typing import Any

from django.utils import translation

import bot
from bot import phrases
from chatops.room import calls
from chatops.room.calls import ONCALL
from chatops.room.models import Membership, Room
from deploy_core.models import Person

#: A name that is being called at the end of what stands before the caret. `static/js/line.js` asks for the same.
_CALLING = re.compile(r"(?:^|[^\w@/])@([a-z0-9._-]*)\Z", re.IGNORECASE)
MOST = 8


def complete(person: Person, room: Room, text: str, caret: int) -> dict[str, Any]:
    """The fields of a `completions` frame."""
    caret = min(caret, len(text))
    calling = _CALLING.search(text[:caret])
    if calling:
        with translation.override(person.language or translation.get_language()):
            return _people(room, calling[1], calling.start(1) - 1, caret)
    return bot.complete(room.invocation(text, by=person, surface="web"), text, caret)


def _people(room: Room, typed: str, start: int, caret: int) -> dict[str, Any]:
    there = Membership.objects.filter(room=room, person__is_active=True, person__username__istartswith=typed)
    names = list(there.order_by("person__username").values_list("person__username", flat=True)[: MOST + 1])
    items = [{"insert": f"@{name}", "label": f"@{name}", "hint": "", "kind": "person"} for name in names[:MOST]]
    for word, hint in (("here", phrases.render("choice.here", {})), (ONCALL, _on_duty(room))):
        if word.startswith(typed.lower()):
            items.append({"insert": f"@{word}", "label": f"@{word}", "hint": hint, "kind": "people"})
    return {"from": start, "to": caret, "items": items, "usage": None, "more": len(names) > MOST}


def _on_duty(room: Room) -> str:
    """Those whom the word would call here; who is on call for what the room does not follow is not its business."""
    found = Person.objects.filter(pk__in=calls.on_duty(room.pk)).order_by("username")
    people = list(found.values_list("username", flat=True))
    return phrases.render("choice.oncall" if people else "choice.oncall.nobody", {"people": people})
