"""What may come next in the composer: the bot's answer, for a line that is being typed in a room."""

from typing import Any

import bot
from chatops.room.models import Room
from deploy_core.models import Person


def complete(person: Person, room: Room, text: str, caret: int) -> dict[str, Any]:
    """The fields of a `completions` frame."""
    return bot.complete(room.invocation(text, by=person, surface="web"), text, min(caret, len(text)))
