"""Lines of people who have no account here: they spoke elsewhere, at a place that a room is tied to."""

from typing import cast

from django.db import transaction
from django.utils import timezone

from chatops.room.models import Message, Room
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused


@transaction.atomic
def say(room: Room, name: str, text: str, client_id: str, *, surface: str, reply_to: Message | None = None) -> int:
    """Show what somebody called `name` said there; the id of the message.

    Raises:
        Refused: `read_only`: only the room's managers write there.
        IntegrityError: `client_id` was shown in the room before.
    """
    if room.is_announcements:
        raise Refused("read_only")
    timeline = Timeline()
    shown = timeline.guest(room, name, text, client_id, surface=surface, reply_to=reply_to, at=timezone.now())
    timeline.write()
    return cast(int, shown.payload["id"])
