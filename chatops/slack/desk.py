"""What becomes of a request from Slack: the person behind it types the line in the room that the channel shows.

Nothing that Slack says is a right: who presses or types is looked up each time, and the bot asks what they may.
"""

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from bot import phrases, world
from bot.verbs import BY_WORD
from chatops.room import messages
from chatops.room.messages import Outcome
from chatops.room.models import Room
from chatops.slack import blocks, calls, card, forms, rooms, tickets
from chatops.slack.asks import Ask
from chatops.slack.blocks import Json
from chatops.slack.models import Channel, Delivery, Identity, Post, Workspace
from deploy_core.errors import Refused
from deploy_core.models import Deployment, Person

logger = logging.getLogger(__name__)

#: Verbs that mean the deployment in whose thread they are typed, where they name none.
_ABOUT_ONE = frozenset(
    {"approve", "cancel", "confirm", "lgtm", "no", "pause", "reject", "resume", "retry", "stop", "status"}
)
_VALUE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})", re.ASCII)
#: A claim on a press whose work never ended is another's after so long.
CLAIM_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person is told. `is_public`: the whole channel is. `is_error`: nothing was done."""

    message: Json = field(default_factory=dict)
    is_public: bool = False
    is_error: bool = False
    text: str = ""

    def as_json(self) -> Json:
        return {"message": self.message, "is_public": self.is_public, "is_error": self.is_error, "text": self.text}

    def as_response(self) -> Json:
        """As Slack wants it in an acknowledgement or at a response_url; empty for nothing to say."""
        if not self.message:
            return {}
        kind = "in_channel" if self.is_public and not self.is_error else "ephemeral"
        return {"response_type": kind, "replace_original": False, **self.message}


@dataclass(frozen=True, slots=True)
class Seat:
    """A person who may speak, and the room they speak in."""

    person: Person
    room: Room
    channel: Channel | None


class Turned(Exception):
    """Nothing is run; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def once(ask: Ask, work: Callable[[], Answer]) -> Answer:
    """What `work` answers; the same request again gets the first answer, and nothing is done."""
    key = _digest(ask.key)
    seen = Delivery.objects.filter(key=key).values_list("answer", flat=True).first()
    if seen is not None:
        return Answer(**seen)
    try:
        answer = work()
    except Turned as turned:
        return turned.answer  # may be otherwise a minute later, when they are linked
    try:
        with transaction.atomic():
            Delivery.objects.create(key=key, answer=answer.as_json(), at=timezone.now())
    except IntegrityError:  # the same one came twice at the same time; the line's own key made one of them
        pass
    return answer


def typed(ask: Ask, workspace: Workspace) -> Answer:
    """A line after `/deploy` or a mention.

    Raises:
        Turned: nobody is behind it, or there is no room.
    """
    words = ask.text.split()
    first = words[0].lower() if words else ""
    if first in ("link", "unlink") and len(words) == 1:
        return _link(ask, workspace) if first == "link" else _unlink(ask, workspace)
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        if first in ("room", "rooms") and len(words) <= 3:
            return told(*rooms.show(workspace, ask.channel, person, words[1:]))
        seat = sit(ask, workspace, person)
        return say(ask, seat, _in_thread(ask, workspace))


def pressed(ask: Ask, workspace: Workspace, name: str, value: str, text: str = "") -> Answer:
    """A button: a line of an answer (`say.1`), or an act on a deployment (`deploy.approve`); `text` is its reason.

    Raises:
        Turned: nobody is behind it, or they are not in the room.
    """
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        kind, _, word = name.partition(".")
        if kind == blocks.SAY:
            room, _, line = value.partition(":")
            seat = _seat_in(ask, workspace, person, Room.objects.filter(pk=int(room)).first())
            return say(ask, seat, line) if _only_looks(line) else _claimed(f"{ask.button}:{value}", seat, ask, line)
        match = _VALUE.fullmatch(value)
        number = int(match[1]) if match else 0
        deployment = Deployment.objects.select_related("app", "environment").filter(pk=number).first()
        if deployment is None:
            raise Turned(refused("not_found"))
        if word == "reject":
            line = f"reject #{deployment.pk} because {text}"
        else:
            line = card.LINES[word].format(
                number=deployment.pk, app=deployment.app.name, environment=deployment.environment.name
            )
        seat = _seat_in(ask, workspace, person, rooms.about(ask.channel, workspace, person, deployment))
        return _claimed(f"press:{word}:{value}", seat, ask, line) if word in card.ONCE else say(ask, seat, line)


def offer_form(ask: Ask, workspace: Workspace) -> Answer:
    """Show the form to deploy: for who types a bare `/deploy`, or chooses it in Slack's menu.

    Raises:
        Turned: as `typed`; or there is no app to choose.
    """
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        seat = sit(ask, workspace, person)
        invocation = seat.room.invocation("", by=person, surface="slack")
        seen = world.seen_by(invocation)
        known = {
            app: [name for name in of_app if seen.may_view(app, name)] for app, of_app in seen.environments.items()
        }
        choices = {app: names for app, names in known.items() if names}
        if not choices:
            raise Turned(refused("slack.form.none"))
        about = json.dumps({"room": seat.room.pk, "channel": ask.channel})
        return _open(ask, workspace, forms.deploy(choices, app=seen.default_app, about=about))


def ask_why(ask: Ask, workspace: Workspace, value: str) -> Answer:
    """Show the form for the reason of a no."""
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        return _open(ask, workspace, forms.reject(json.dumps({"value": value, "channel": ask.channel})))


def _open(ask: Ask, workspace: Workspace, form: Json) -> Answer:
    try:
        calls.call(workspace, "views.open", trigger_id=ask.trigger, view=form)
    except (calls.Limited, calls.Unsure, calls.Refused) as error:
        logger.info("slack did not open a form: %s", error)
        raise Turned(refused("slack_late")) from error
    return Answer()


def sent_form(ask: Ask, workspace: Workspace, line: str, about: str) -> Answer:
    """The form to deploy was sent: its line is typed in the room it was opened in."""
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        opened = json.loads(about)
        asked = replace(ask, channel=opened["channel"])
        seat = _seat_in(asked, workspace, person, Room.objects.filter(pk=opened["room"]).first())
        return _claimed(ask.button, seat, asked, line)


def sent_reason(ask: Ask, workspace: Workspace, reason: str, about: str) -> Answer:
    """The reason of a no was sent."""
    opened = json.loads(about)
    text = " ".join(reason.split())
    return pressed(replace(ask, channel=opened["channel"]), workspace, "deploy.reject", opened["value"], text)


def person_of(ask: Ask, workspace: Workspace) -> Person:
    """Who is behind a request, at this moment.

    Raises:
        Turned: the account is linked to nobody, or to somebody who is not active any more.
    """
    identity = None
    if ask.team == workspace.team:  # a guest from another organisation is nobody here, whatever their id
        identity = Identity.objects.filter(workspace=workspace, user=ask.user).select_related("person").first()
    if identity is None:
        raise Turned(_how_to_link(ask, workspace))
    if not identity.person.is_active:
        raise Turned(refused("slack_inactive", who=identity.person.username))
    return identity.person


def sit(ask: Ask, workspace: Workspace, person: Person) -> Seat:
    """The room that the channel shows, with the person in it.

    Raises:
        Turned: it shows none, or they are no member.
    """
    channel = Channel.objects.filter(workspace=workspace, channel=ask.channel).select_related("room").first()
    room = channel.room if channel else rooms.own(person) if ask.channel.startswith("D") or not ask.channel else None
    if room is None:
        raise Turned(refused("slack_no_room", rooms=rooms.names(person)))
    return _seat_in(ask, workspace, person, room)


def _seat_in(ask: Ask, workspace: Workspace, person: Person, room: Room | None) -> Seat:
    if room is None:
        raise Turned(refused("slack_no_room", rooms=rooms.names(person)))
    if not room.memberships.filter(person=person).exists():
        raise Turned(refused("slack_not_member", room=room.slug))
    return Seat(person, room, Channel.objects.filter(workspace=workspace, channel=ask.channel).first())


def say(ask: Ask, seat: Seat, line: str) -> Answer:
    """Type a line: the one road, with the request's own key, so that it runs once however often it comes."""
    is_late = time.monotonic() - ask.began > settings.COMMAND_TTL_S
    client_id = f"slack:{seat.channel.pk if seat.channel else 0}:{_digest(ask.key)}"
    try:
        outcome = messages.post(
            author=seat.person, room=seat.room, text=line, client_id=client_id, surface="slack", is_late=is_late
        )
    except Refused as error:
        return refused("slack_late" if error.code == "expired" else error.code, **error.params)
    return _told(outcome, seat.room)


def _told(outcome: Outcome, room: Room) -> Answer:
    reply = outcome["reply"] or {"code": "slack_working", "params": {}, "suggest": [], "is_error": False}
    deployment = outcome.get("deployment")
    url = page(deployment) if deployment else ""
    message = blocks.reply(reply["code"], reply["params"], reply["suggest"], room=room.pk, url=url)
    # A deployment's own message is for everybody; this answer only says that there will be one.
    is_public = bool(reply.get("is_public")) and not deployment
    text = blocks.typed_here(phrases.render(reply["code"], reply["params"]))
    return Answer(message, is_public, is_error=reply["is_error"], text=text)


def page(deployment_id: int) -> str:
    """The absolute address of a deployment's page."""
    return f"{settings.PUBLIC_URL}{reverse('deployment', args=[deployment_id])}"


def told(code: str, params: Json, is_error: bool = False) -> Answer:
    """An answer that is no reply of the bot."""
    return Answer(blocks.reply(code, params), is_error=is_error, text=phrases.render(code, params))


def refused(code: str, **params: Any) -> Answer:
    return told(code, params, is_error=True)


def _how_to_link(ask: Ask, workspace: Workspace) -> Answer:
    if ask.team != workspace.team:
        return refused("slack_stranger")
    url = tickets.issue(workspace, ask.user)
    return refused("slack_link_first", url=url, minutes=settings.SLACK_LINK_S // 60)


def _link(ask: Ask, workspace: Workspace) -> Answer:
    return told("slack_who", {"who": person_of(ask, workspace).username})


def _unlink(ask: Ask, workspace: Workspace) -> Answer:
    person_of(ask, workspace)
    for identity in Identity.objects.filter(workspace=workspace, user=ask.user).select_related("person", "workspace"):
        tickets.untie(identity, "asked")
    return told("slack_unlinked", {})


def _in_thread(ask: Ask, workspace: Workspace) -> str:
    """A line typed under a deployment's message means that deployment, where it names none."""
    verb, _, rest = ask.text.strip().lstrip("/").partition(" ")
    if not ask.thread or verb.lower() not in _ABOUT_ONE or re.match(r"\s*#?[0-9]", rest):
        return ask.text
    posts = Post.objects.filter(workspace=workspace, place=ask.channel, ts=ask.thread, deployment__isnull=False)
    number = posts.values_list("deployment", flat=True).first()
    return f"{verb} #{number} {rest}".strip() if number else ask.text


def _only_looks(line: str) -> bool:
    """Whether a line does the same however often it is typed."""
    verb = BY_WORD.get(line.removeprefix("/deploy ").partition(" ")[0])
    return verb is not None and verb.is_read_only


def _claimed(key: str, seat: Seat, ask: Ask, line: str) -> Answer:
    """`say`, for the first press of a button, whoever presses; one that was refused leaves it to others.

    Raises:
        Turned: it was pressed already.
    """
    now = timezone.now()
    name = _digest(key)
    Delivery.objects.filter(key=name, answer={}, at__lt=now - timedelta(seconds=CLAIM_S)).delete()
    try:
        with transaction.atomic():
            Delivery.objects.create(key=name, at=now)
    except IntegrityError:
        raise Turned(refused("slack_pressed")) from None
    claim = Delivery.objects.filter(key=name)
    try:
        answer = say(ask, seat, line)
    except BaseException:
        claim.delete()
        raise
    if answer.is_error:
        claim.delete()
    else:
        claim.update(answer=answer.as_json())
    return answer


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:48]
