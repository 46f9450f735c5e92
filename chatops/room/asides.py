"""What is told outside any deployment's journal, or to one person alone: notices of the core, and the confirm card."""

import logging

from django.db import transaction
from django.utils import timezone

from chatops.room.models import Room
from chatops.room.timeline import Timeline
from deploy_core.models import Deployment, Notice, Person

logger = logging.getLogger(__name__)


def tell_notices() -> None:
    """Show the notices that nobody was told of yet, each once."""
    for pk in Notice.objects.filter(told__isnull=True).order_by("pk").values_list("pk", flat=True):
        try:
            _tell(pk)
        except Exception:  # it keeps nothing else from being told
            logger.exception("could not tell notice %d; the ticker tries again", pk)


@transaction.atomic
def _tell(pk: int) -> None:
    if not Notice.objects.filter(pk=pk, told__isnull=True).update(told=timezone.now()):
        return
    notice = Notice.objects.select_related("app", "person").get(pk=pk)
    timeline = Timeline()
    if notice.person:
        timeline.tell(notice.person, _room_of(notice.person, notice.app_id), notice.code, notice.params)
    else:
        rooms = Room.objects.filter(apps=notice.app_id) if notice.app_id else Room.objects.filter(apps__isnull=False)
        for room in rooms.distinct().order_by("pk"):
            timeline.notice(room, f"notice:{pk}", notice.code, notice.params, at=notice.at)
    timeline.write()


def ask_author(timeline: Timeline, deployment: Deployment) -> None:
    """The confirm card: for the author alone, once their deployment to a protected environment is planned."""
    subject = deployment.journal.filter(kind="deployment.planned").order_by("-number").first()
    params = {
        "number": deployment.pk,
        "app": deployment.app.name,
        "environment": deployment.environment.name,
        "ref": deployment.ref,
        "revision": {"revision": deployment.revision},
        "subject": subject.payload["subject"] if subject else "",
    }
    author = deployment.requested_by
    room = _room_of(author, deployment.app_id)
    lines = (f"/confirm #{deployment.pk}", f"/no #{deployment.pk}")
    timeline.tell(author, room, "announce.confirm", params, suggest=lines, deployment_id=deployment.pk)


def _room_of(person: Person, app_id: int | None) -> Room | None:
    """Where a person is told something about an app: the first of their rooms that follows it. None: in all."""
    return Room.objects.filter(members=person, apps=app_id).order_by("pk").first() if app_id else None
