"""At an interval the head of the audit chain is written to a file, and told to a room."""

from django.conf import settings
from django.db import transaction

from chatops.room.models import Room
from chatops.room.timeline import Timeline
from deploy_core.ledger import anchors
from deploy_core.models import AuditAnchor


def tick() -> None:
    """Do it where it is due. Any number of processes may ask."""
    if anchors.is_due():
        anchor = anchors.drop()
        if anchor is not None:
            tell(anchor)


@transaction.atomic
def tell(anchor: AuditAnchor) -> None:
    """Tell the room of SHIPROOM_AUDIT_ROOM, once."""
    room = Room.objects.filter(slug=settings.AUDIT_ROOM).first() if settings.AUDIT_ROOM else None
    if room is None:
        return
    timeline = Timeline()
    params = {"number": anchor.number, "head": f"{anchor.number}:{anchor.hash}"}
    timeline.notice(room, f"audit:{anchor.number}", "announce.audit_head", params, at=anchor.at)
    timeline.write()
