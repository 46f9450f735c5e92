"""What one may do with a deployment on its page: a button sends the line that one would type, also without script.

The line goes the one road, in a room of the person that follows the app, so that the room sees who did what. What a
person may not do is shown with the reason; what makes no sense in the deployment's state is hidden, and
`static/js/telling.js` says the same when the state changes while one looks.
"""

import re
import uuid
from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bot import phrases
from chatops.deployments import seen
from chatops.room import messages, pace, streams
from chatops.room.models import Line, Room
from chatops.room.views import MemberRequest
from deploy_core.errors import Refused
from deploy_core.models import Person
from deploy_core.rules.grants import ACTIONS, Action
from deploy_core.rules.status import ENDED, Status
from deploy_core.safety import access as rights

#: What the page's own forms send as a client id.
_CLIENT_ID = re.compile(r"page:[0-9a-f-]{36}")
#: What ships a release, so that there is one to go back to.
SHIPS = frozenset({"deploy", "promote", "redeploy"})
TEXT_LIMIT = 300


class Move(NamedTuple):
    """A button: the word in the form, the line that it sends, the right it takes ("": its author's alone).

    `sure` is what a second button says once the first one has opened; `asks` is a field for words, which end the line.
    """

    word: str
    line: str
    action: Action | None
    icon: str
    label: Promise
    tone: str = ""
    sure: Promise | None = None
    asks: Promise | None = None


MOVES = (
    Move("confirm", "/confirm #{number}", None, "check", _("Confirm"), "button--primary"),
    Move("no", "/no #{number}", None, "cross", _("Do not deploy")),
    Move("approve", "/approve #{number}", "approve", "approval", _("Approve"), "button--primary"),
    Move(
        "reject",
        "/reject #{number} because {text}",
        "approve",
        "cross",
        _("Reject…"),
        "button--danger",
        _("Reject #%(number)s"),
        _("Why"),
    ),
    Move("resume", "/resume #{number}", "deploy", "play", _("Go on"), "button--primary"),
    Move("pause", "/pause #{number}", "cancel", "pause", _("Pause")),
    Move("retry", "/retry #{number}", "deploy", "retry", _("Try again")),
    Move("retry-failed", "/retry #{number} --failed", "deploy", "retry", _("Only the servers that lack it")),
    Move(
        "rollback",
        "/rollback {app} in {environment}",
        "rollback",
        "rollback",
        _("Roll back…"),
        "",
        _("Go back to what ran before"),
    ),
    Move("cancel", "/cancel #{number}", "cancel", "stop", _("Stop…"), "button--danger", _("Stop #%(number)s now")),
)
_BY_WORD = {move.word: move for move in MOVES}


class Offer(NamedTuple):
    """A button on a page: whether it makes sense now, what its second button says, and why this person may not."""

    move: Move
    is_open: bool
    sure: str
    why_not: str


class Reason(NamedTuple):
    """Why a person may not press some buttons: said once for all of `words`, while one of them makes sense."""

    text: str
    words: list[str]
    is_open: bool


def open_words(state: Mapping[str, Any]) -> list[str]:
    """The moves that make sense in a deployment's state, whoever looks."""
    status = state["status"]
    is_stopping = status in (Status.CANCELLING, Status.ROLLING_BACK) or bool(state["cancel_requested_by"])
    found = {
        "confirm": status == Status.AWAITING_CONFIRMATION,
        "no": status == Status.AWAITING_CONFIRMATION,
        "approve": status == Status.AWAITING_APPROVAL,
        "reject": status == Status.AWAITING_APPROVAL,
        "resume": status == Status.PAUSED,
        "pause": status == Status.RUNNING and len(state["batches"]) > 1 and not is_stopping,
        "retry": status in (Status.FAILED, Status.ROLLED_BACK, Status.CANCELLED, Status.EXPIRED),
        "retry-failed": status == Status.FAILED and bool(state["params"].get("runs")),
        "rollback": status == Status.SUCCEEDED and state["kind"] in SHIPS,
        "cancel": status not in ENDED and not is_stopping and status != Status.AWAITING_CONFIRMATION,
    }
    return [word for word, is_open in found.items() if is_open]


def form(person: Person, state: Mapping[str, Any]) -> dict[str, Any]:
    """The buttons of a deployment's page, and the sentences that say why some of them are closed to `person`."""
    room = _room(person, state["app"])
    words = open_words(state)
    why_not = {move.word: _why_not(person, state, move, room) for move in MOVES}
    told = {"number": state["id"]}
    offers = [
        Offer(move, move.word in words, str(move.sure) % told if move.sure else "", why_not[move.word])
        for move in MOVES
    ]
    reasons = {
        reason: [each for each in why_not if why_not[each] == reason]
        for reason in dict.fromkeys(why_not.values())
        if reason
    }
    return {
        "offers": offers,
        "reasons": [Reason(text, of, not set(words).isdisjoint(of)) for text, of in reasons.items()],
        "room": room,
        "cid": f"page:{uuid.uuid4()}",
    }


def _why_not(person: Person, state: Mapping[str, Any], move: Move, room: Room | None) -> str:
    """Why a person may not press a button; "" when they may. What the bot would refuse is not offered."""
    is_author = state["by"] == person.username
    place = {"app": state["app"], "environment": state["environment"], "name": state["by"]}
    if move.action is None:
        if not is_author:
            return _now("%(name)s asked for it, so %(name)s must say so.") % place
    elif not rights.can(person, move.action, place["app"], place["environment"]):
        role = phrases.render(f"role.{ACTIONS[move.action]}", {})
        return _now("It takes the role of %(role)s for %(app)s in %(environment)s.") % {**place, "role": role}
    elif move.action == "approve" and is_author:
        return _now("You asked for it, so somebody else must agree.")
    elif move.action == "approve" and any(each["by"] == person.username for each in state["answers"]):
        return _now("You have answered already.")
    if room is None:
        return _now("You are in no room that follows %(app)s, and others should see who did it.") % place
    return ""


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
    seen.require(request.user, number)
    state = streams.deployment_state(number)
    move = _BY_WORD.get(request.POST.get("act", ""))
    room = _room(request.user, state["app"])
    client_id = request.POST.get("cid", "")
    if move is None or room is None or not _CLIENT_ID.fullmatch(client_id):
        return redirect("deployment", number)
    is_sent = Line.objects.filter(author=request.user, client_id=client_id).exists()
    if move.word not in open_words(state) and not is_sent:
        return redirect("deployment", number)
    if wait_ms := pace.take(request.user.pk):
        answer = render(request, "429.html", {"wait_s": ceil(wait_ms / 1000)}, status=429)
        answer["Retry-After"] = str(ceil(wait_ms / 1000))
        return answer
    said = " ".join(request.POST.get("text", "").split())[:TEXT_LIMIT]
    text = move.line.format(number=number, app=state["app"], environment=state["environment"], text=said)
    try:
        outcome = messages.post(author=request.user, room=room, text=text, client_id=client_id, surface="web")
    except Refused:
        return redirect("deployment", number)
    shown = outcome.get("deployment") or number
    return redirect(f"{reverse('deployment', args=[shown])}?said={client_id}")


def _room(person: Person, app: str) -> Room | None:
    """The first of the person's rooms that follows the app."""
    return Room.objects.filter(members=person, apps__name=app).order_by("pk").first()
