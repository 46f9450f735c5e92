"""What becomes of a request from Slack: the person behind it types the line in the room that the channel shows.

Nothing that Slack says is a right: who presses or types is looked up each time, and the bot asks what they may.
"""

import json
import logging
import re
import time
from dataclasses import dataclass, replace

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from bot import phrases, world
from bot.verbs import BY_WORD
from bot.world import World
from chatops.room import messages, people
from chatops.room.messages import Outcome
from chatops.room.models import Room
from chatops.slack import blocks, calls, card, deliveries, forms, hearing, rooms, tickets
from chatops.slack.answers import Answer, Turned, refused, told
from chatops.slack.asks import Ask
from chatops.slack.blocks import Json
from chatops.slack.models import Channel, Identity, Post, Workspace
from deploy_core.errors import Refused
from deploy_core.models import Deployment, KnownRef, Person

logger = logging.getLogger(__name__)

#: Verbs that mean the deployment in whose thread they are typed, where they name none; the second may name a place too.
_ABOUT_ONE = frozenset({"approve", "cancel", "confirm", "lgtm", "logs", "no", "reject", "retry", "stop"})
_ABOUT_ONE_OR_PLACE = frozenset({"pause", "resume", "rollback", "status"})
_VALUE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seat:
    """A person who may speak, and the room they speak in."""

    person: Person
    room: Room
    channel: Channel | None


def worked(ask: Ask, workspace: Workspace) -> Answer:
    """What comes of a request; the same one again gets the first answer, and nothing is done.

    A fault of ours is logged, and told like a refusal.
    """
    with translation.override(settings.SLACK_LANGUAGE):
        try:
            return deliveries.answer_of(ask) or _work(ask, workspace)
        except Turned as turned:
            return turned.answer
        except Exception:
            logger.exception("a request of Slack failed")
            return replace(refused("internal"), is_final=False)


def _work(ask: Ask, workspace: Workspace) -> Answer:
    match ask.kind:
        case "press":
            return pressed(ask, workspace, ask.name, ask.value)
        case "why":
            return ask_why(ask, workspace)
        case "form":
            return sent_form(ask, workspace)
        case "reason":
            return sent_reason(ask, workspace)
        case "mention":
            return typed(ask, workspace)
        case "said":
            return hearing.hear(ask, workspace)
    return typed(ask, workspace) if ask.text.strip() else offer_form(ask, workspace)


def is_over(ask: Ask) -> bool:
    """Whether a request has waited so long that whoever made it does not expect it any more."""
    return bool(time.monotonic() - ask.began > settings.COMMAND_TTL_S)


def typed(ask: Ask, workspace: Workspace) -> Answer:
    """A line after `/deploy` or a mention.

    Raises:
        Turned: nobody is behind it, or there is no room; it is about Slack itself, and too old.
    """
    words = ask.text.split()
    first = words[0].lower() if words else ""
    is_account = first in ("link", "unlink") and len(words) == 1
    is_room = first in ("room", "rooms") and len(words) <= 3
    is_mirror = first == "mirror" and len(words) <= 3 and (len(words) == 1 or words[1].lower() in ("on", "off"))
    if (is_account or is_room or is_mirror) and is_over(
        ask
    ):  # lines are judged where they are stored: they may have run
        raise Turned(refused("slack_late"))
    if is_account:
        return _link(ask, workspace) if first == "link" else _unlink(ask, workspace)
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        if is_room:
            return told(*rooms.show(workspace, ask.channel, person, words[1:]))
        if is_mirror:
            return told(*rooms.mirror(workspace, ask.channel, person, [word.lower() for word in words[1:]]))
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
            if _only_looks(line):
                return say(ask, seat, line)
            return deliveries.claimed(f"{ask.button}:{value}", ask, lambda: say(ask, seat, line))
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
        if word not in card.ONCE:
            return say(ask, seat, line, is_button=word != "reject")
        return deliveries.claimed(f"press:{word}:{value}", ask, lambda: say(ask, seat, line, is_button=True))


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
        return _open(ask, workspace, forms.deploy(choices, _recent(seen), app=seen.default_app, about=about))


def _recent(seen: World) -> dict[str, list[str]]:
    """The branches of each app on which something was done last, as of the last fetch."""
    return {
        name: list(
            app.refs.filter(kind=KnownRef.Kind.BRANCH)
            .order_by("-at", "name")
            .values_list("name", flat=True)[: forms.MOST_REFS]
        )
        for name, app in seen.apps.items()
    }


def ask_why(ask: Ask, workspace: Workspace) -> Answer:
    """Show the form for the reason of a no."""
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        return _open(ask, workspace, forms.reject(json.dumps({"value": ask.value, "channel": ask.channel})))


def _open(ask: Ask, workspace: Workspace, form: Json) -> Answer:
    try:
        calls.call(workspace, "views.open", trigger_id=ask.trigger, view=form)
    except (calls.Limited, calls.Unsure, calls.Refused) as error:
        logger.info("slack did not open a form: %s", error)
        raise Turned(refused("slack_late")) from error
    return Answer()


def sent_form(ask: Ask, workspace: Workspace) -> Answer:
    """The form to deploy was sent: its line is typed in the room it was opened in."""
    person = person_of(ask, workspace)
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        seat = _seat_in(ask, workspace, person, Room.objects.filter(pk=json.loads(ask.about)["room"]).first())
        return deliveries.claimed(ask.button, ask, lambda: say(ask, seat, ask.text))


def sent_reason(ask: Ask, workspace: Workspace) -> Answer:
    """The reason of a no was sent."""
    return pressed(ask, workspace, "deploy.reject", json.loads(ask.about)["value"], " ".join(ask.text.split()))


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
    channel = rooms.link_of(workspace, ask.channel)
    room = channel.room if channel else rooms.own(person) if ask.channel.startswith("D") or not ask.channel else None
    return _seat(person, room, channel)


def _seat_in(ask: Ask, workspace: Workspace, person: Person, room: Room | None) -> Seat:
    return _seat(person, room, rooms.link_of(workspace, ask.channel))


def _seat(person: Person, room: Room | None, channel: Channel | None) -> Seat:
    if room is None:
        raise Turned(refused("slack_no_room", rooms=rooms.names(person)))
    if not room.memberships.filter(person=person).exists():
        raise Turned(refused("slack_not_member", room=room.slug))
    return Seat(person, room, channel)


def say(ask: Ask, seat: Seat, line: str, *, is_button: bool = False) -> Answer:
    """Type a line: the one road, with the request's own key, so that it runs once however often it comes.

    `is_button`: it says nothing of its presser's own, so it works also where managers alone write.
    """
    client_id = f"slack:{seat.channel.pk if seat.channel else 0}:{ask.digest}"
    try:
        if not is_button:
            people.require_voice(seat.person, seat.room)
        outcome = messages.post(
            author=seat.person, room=seat.room, text=line, client_id=client_id, surface="slack", is_late=is_over(ask)
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
    is_bare = verb.lower() in _ABOUT_ONE_OR_PLACE and re.match(r"(?:because\b|--|\Z)", rest.lower().lstrip())
    if not ask.thread or not (is_bare or verb.lower() in _ABOUT_ONE) or re.match(r"\s*#?[0-9]", rest):
        return ask.text
    posts = Post.objects.filter(workspace=workspace, place=ask.channel, ts=ask.thread, deployment__isnull=False)
    number = posts.values_list("deployment", flat=True).first()
    return f"{verb} #{number} {rest}".strip() if number else ask.text


def _only_looks(line: str) -> bool:
    """Whether a line does the same however often it is typed."""
    verb = BY_WORD.get(line.removeprefix("/deploy ").partition(" ")[0])
    return verb is not None and verb.is_read_only
