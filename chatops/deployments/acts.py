"""What one may do with a deployment on its page without script: a button sends the line that one would type.

The line goes the one road, in a room of the person that follows the app, so that the room sees who did what.
"""

import re
import uuid
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bot import phrases
from chatops.room import access, messages
from chatops.room.models import Line, Room, Stream
from chatops.room.views import MemberRequest
from deploy_core.errors import Refused
from deploy_core.models import Deployment, Person
from deploy_core.rules.status import ACTIVE, WAITING, Status

#: What the page's own forms send as a client id.
_CLIENT_ID = re.compile(r"page:[0-9a-f-]{36}")


class Move(NamedTuple):
    """A button: the word in the form, the line that it sends, how it looks and what it says."""

    word: str
    line: str
    icon: str
    label: Promise
    tone: str = ""


_STOP = Move("cancel", "/cancel #{number}", "stop", _("Stop"), "button--danger")
_RETRY = Move("retry", "/retry #{number}", "retry", _("Try again"))
_RETRY_FAILED = Move("retry-failed", "/retry #{number} --failed", "retry", _("Only the servers that lack it"))
_ROLL_BACK = Move("rollback", "/rollback {app} in {environment}", "rollback", _("Roll back"))
_MOVES: dict[str, tuple[Move, ...]] = {
    Status.AWAITING_CONFIRMATION: (
        Move("confirm", "/confirm #{number}", "check", _("Confirm"), "button--primary"),
        Move("no", "/no #{number}", "cross", _("Do not deploy")),
    ),
    Status.AWAITING_APPROVAL: (
        Move("approve", "/approve #{number}", "approval", _("Approve"), "button--primary"),
        _STOP,
    ),
    Status.RUNNING: (Move("pause", "/pause #{number}", "pause", _("Pause")), _STOP),
    Status.PAUSED: (Move("resume", "/resume #{number}", "play", _("Go on"), "button--primary"), _STOP),
    Status.ROLLING_BACK: (),
    Status.CANCELLING: (),
    Status.SUCCEEDED: (_ROLL_BACK,),
    Status.FAILED: (_RETRY, _RETRY_FAILED, _ROLL_BACK),
    Status.ROLLED_BACK: (_RETRY,),
    Status.CANCELLED: (_RETRY,),
    Status.EXPIRED: (_RETRY,),
}


def moves(status: str) -> tuple[Move, ...]:
    """What may be done with a deployment that stands so. Whether this person may, the bot says."""
    return _MOVES.get(status, (_STOP,) if status in ACTIVE | WAITING else ())


def form(person: Person, state: dict[str, Any]) -> dict[str, Any]:
    """The buttons of a deployment's page; none for who has no room to say it in."""
    room = _room(person, state["app"])
    return {"moves": moves(state["status"]) if room else (), "room": room, "cid": f"page:{uuid.uuid4()}"}


def answer(person: Person, client_id: str) -> dict[str, Any] | None:
    """What the bot said to the line that a button sent: `{text, is_error}`."""
    is_ours = _CLIENT_ID.fullmatch(client_id)
    line = Line.objects.filter(author=person, client_id=client_id).first() if is_ours else None
    reply = line.outcome.get("reply") if line else None
    if not reply:
        return None
    return {"text": phrases.render_text(reply["code"], reply["params"]), "is_error": reply["is_error"]}


@require_POST
@never_cache
@login_required
def act(request: MemberRequest, number: int) -> HttpResponse:
    """Send a button's line once, then show the page with the answer, or the deployment that it made."""
    if number > 2**63 - 1 or not access.may_see(request.user, Stream("deployment", number)):
        raise Http404
    deployment = Deployment.objects.select_related("app", "environment").get(pk=number)
    move = next((each for each in moves(deployment.status) if each.word == request.POST.get("act")), None)
    room = _room(request.user, deployment.app.name)
    client_id = request.POST.get("cid", "")
    if move is None or room is None or not _CLIENT_ID.fullmatch(client_id):
        return redirect("deployment", number)
    text = move.line.format(number=number, app=deployment.app.name, environment=deployment.environment.name)
    try:
        outcome = messages.post(author=request.user, room=room, text=text, client_id=client_id, surface="web")
    except Refused:
        return redirect("deployment", number)
    shown = outcome.get("deployment") or number
    return redirect(f"{reverse('deployment', args=[shown])}?said={client_id}")


def _room(person: Person, app: str) -> Room | None:
    """The first of the person's rooms that follows the app."""
    return Room.objects.filter(members=person, apps__name=app).order_by("pk").first()
