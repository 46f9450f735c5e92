"""What Slack is to hear of a room, and of what one person is told: their streams, read from where we were.

The streams are the truth, and the cursors stand beside them: a process that dies leaves nothing out and tells nothing
twice. What comes of an event is a `Post`, in the transaction that moves the cursor.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import translation

from bot import phrases
from bot.verbs import BY_WORD
from chatops.room.models import Event, Line, Stream
from chatops.slack import blocks, card, mrkdwn, opting, outbox, saying
from chatops.slack.blocks import Json
from chatops.slack.desk import page
from chatops.slack.models import Channel, Identity, Workspace
from deploy_core.ledger import log
from deploy_core.models import Deployment, JournalEntry, Person, Step, StreamHead
from deploy_core.rules.states import replay
from deploy_core.rules.status import StepStatus
from deploy_core.safety import access

logger = logging.getLogger(__name__)

T = TypeVar("T", Channel, Identity)

#: Events that one transaction reads.
BURST = 100
#: Lines of output that are shown under a failure, and how many characters of them.
TAIL, TAIL_LIMIT = 20, 2800
_FAILURES = frozenset({"announce.failed", "announce.rolled_back"})
#: What goes out to the whole channel though it stands in a thread: an edited message calls nobody.
_LOUD = _FAILURES | {"announce.awaiting_approval"}
#: Those who may approve that are called at most.
MOST_CALLED = 5
#: For those in the room, who can do something about it.
_ABOUT_SLACK = frozenset(
    {
        "announce.slack_stopped", "announce.slack_broken", "announce.slack_removed", "announce.slack_behind",
        "announce.slack_caught_up",
    }
)  # fmt: skip
#: What the message itself says already.
_ON_CARD = frozenset({"announce.started", "announce.waiting", "announce.scheduled", "announce.waiting_lock"})


def news(workspace: Workspace) -> bool:
    """Whether a stream has moved on since it was told."""
    return bool(_behind(workspace))


def read(workspace: Workspace) -> None:
    """Put into the outbox what is new."""
    for row in _behind(workspace):
        if isinstance(row, Channel):
            _read_room(row)
        else:
            _read_person(row)


def _behind(workspace: Workspace) -> list[Channel | Identity]:
    """The channels and people whose streams have grown: asked several times a second, so by two queries."""
    channels = Channel.objects.filter(workspace=workspace, trouble="").select_related("room", "workspace")
    people = Identity.objects.filter(workspace=workspace).select_related("person", "workspace")
    return [*_grown(channels, "room"), *_grown(people, "person")]


def _grown(rows: QuerySet[T], kind: str) -> QuerySet[T]:
    """Those about a room or a person (`kind`) whose stream has more than was told."""
    head = StreamHead.objects.filter(kind=kind, stream_id=OuterRef(kind)).values("number")
    return rows.annotate(head=Subquery(head)).filter(head__gt=F("number"))


def _stream(row: Channel | Identity) -> Stream:
    return Stream("room", row.room_id) if isinstance(row, Channel) else Stream("person", row.person_id)


def _after(row: Channel | Identity) -> list[Event]:
    stream = _stream(row)
    found = Event.objects.filter(stream_kind=stream.kind, stream_id=stream.id, number__gt=row.number)
    return list(found.select_related("author").order_by("number")[:BURST])


@transaction.atomic
def _read_room(channel: Channel) -> None:
    with translation.override(settings.SLACK_LANGUAGE):
        for event in _after(channel):
            _try(partial(_show, channel), event)
            channel.number = event.number
    channel.save(update_fields=["number"])


@transaction.atomic
def _read_person(identity: Identity) -> None:
    person = identity.person
    with translation.override(person.language or settings.SLACK_LANGUAGE):
        for event in _after(identity):
            if event.kind == "reply" and not event.payload["for_cid"] and person.is_active:
                _try(partial(_tell, identity), event)
            identity.number = event.number
    identity.save(update_fields=["number"])


def _try(tell: Callable[[Event], None], event: Event) -> None:
    """An event that we cannot tell is left out, and logged: it stands in nobody's way."""
    try:
        with transaction.atomic():
            tell(event)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("could not tell Slack of %s", event)


def _show(channel: Channel, event: Event) -> None:
    match event.kind:
        case "card":
            outbox.put(
                channel.workspace,
                channel.channel,
                f"card:{event.payload['deployment']}",
                {},
                channel=channel,
                deployment_id=event.payload["deployment"],
            )
        case "announcement":
            _announce(channel, event.payload)
        case "reply":
            _echo(channel, event)
        case "message":
            saying.say(channel, event)
        case "message.edited":
            saying.change(channel, event)
        case "message.deleted":
            saying.take_back(channel, event)
        case "room.changed":
            opting.mind(channel)


def _announce(channel: Channel, told: Json) -> None:
    """News of a deployment stand in the thread of its message; all others in the channel."""
    code, params, number = told["code"], told["params"], told["deployment"]
    if code in _ABOUT_SLACK:
        return
    key = f"said:{told['id']}"
    if number is None:
        outbox.put(channel.workspace, channel.channel, key, blocks.reply(code, params), channel=channel)
        return
    deployment = Deployment.objects.select_related("app", "environment", "requested_by").get(pk=number)
    if code in _ON_CARD or (code == "announce.finished" and not _was_slow(deployment)):
        return
    text = mrkdwn.escape(blocks.typed_here(phrases.render(code, params)))
    if code == "announce.awaiting_approval":
        text = f"{_approvers(channel.workspace, deployment)} {text}".strip()
    elif code in _LOUD or code == "announce.finished":
        text = f"{who(channel.workspace, deployment.requested_by)} {text}"
    tail = _tail(deployment) if code in _FAILURES else ""
    message = blocks.message(text, blocks.section(text), blocks.section(tail) if tail else None)
    outbox.put(
        channel.workspace,
        channel.channel,
        key,
        message,
        channel=channel,
        under=outbox.card_of(channel, number),
        is_broadcast=code in _LOUD,
    )


def _was_slow(deployment: Deployment) -> bool:
    if deployment.started is None or deployment.finished is None:
        return False
    return bool((deployment.finished - deployment.started).total_seconds() > settings.SLACK_SLOW_S)


def _tail(deployment: Deployment) -> str:
    """The last lines of the step that failed."""
    bad = Step.objects.filter(deployment=deployment, status__in=(StepStatus.FAILED, StepStatus.TIMED_OUT))
    step = bad.filter(log_lines__gt=0).order_by("finished").first()
    if step is None:
        return ""
    lines = log.lines(step.pk, max(0, step.log_lines - TAIL), TAIL)
    return mrkdwn.code_block("\n".join(line[3] for line in lines), TAIL_LIMIT)


def _echo(channel: Channel, event: Event) -> None:
    """What somebody did by a command that changes something. A new deployment has a message of its own."""
    told = event.payload
    is_request = "requested" in told["code"] and not told["code"].startswith("cancel")
    # The newest before the answer: two people may give their lines the same id.
    before = Event.objects.filter(stream_kind="room", stream_id=channel.room_id, number__lt=event.number)
    commands = before.filter(kind="command", client_id=told["to_cid"]).select_related("author")
    command = commands.order_by("-number").first()
    if is_request or command is None or command.author is None or _only_looks(command.payload["text"]):
        return
    under = outbox.card_of(channel, told["deployment"]) if told["deployment"] else None
    if under is None and command.client_id.startswith(f"slack:{channel.pk}:"):
        return  # the channel has seen it typed, and the answer
    answer = blocks.reply(told["code"], told["params"])
    name = who(channel.workspace, command.author)
    message = blocks.said(command.payload["text"], name, answer)
    outbox.put(channel.workspace, channel.channel, f"said:{told['id']}", message, channel=channel, under=under)


def _only_looks(line: str) -> bool:
    words = line.lstrip("/.! ").split(maxsplit=1)
    verb = BY_WORD.get(words[0].lower()) if words else None
    return verb is not None and verb.is_read_only


def _tell(identity: Identity, event: Event) -> None:
    """What one person alone is told, where they asked: those who type in Slack hear it there."""
    told = event.payload
    deployment = Deployment.objects.filter(pk=told["deployment"]).first() if told["deployment"] else None
    if not (deployment.surface == "slack" if deployment else _types_here(identity.person)):
        return
    if told["code"] == "announce.confirm" and deployment:
        state = replay(deployment.pk, JournalEntry.objects.filter(deployment=deployment).order_by("number"))
        message = card.question(state, told["params"], url=page(deployment.pk))
    else:
        message = blocks.reply(told["code"], told["params"], told["suggest"], room=told["room"])
    shown = Channel.objects.filter(workspace=identity.workspace, room=told["room"], trouble="").first()
    outbox.whisper(identity.workspace, shown.channel if shown else "", identity.user, f"person:{event.number}", message)


def _types_here(person: Person) -> bool:
    newest: str | None = Line.objects.filter(author=person).order_by("-pk").values_list("surface", flat=True).first()
    return newest == "slack"


def who(workspace: Workspace, person: Person) -> str:
    """A person as Slack shows them: mentioned, when they have an account there."""
    user = Identity.objects.filter(workspace=workspace, person=person).values_list("user", flat=True).first()
    return mrkdwn.user(user) if user else mrkdwn.escape(person.username)


def _approvers(workspace: Workspace, deployment: Deployment) -> str:
    """Mentions of those who may approve and have an account there; its author does not approve it."""
    names = access.who_can("approve", deployment.app.name, deployment.environment.name)
    known = Identity.objects.filter(workspace=workspace, person__username__in=names)
    users = known.exclude(person=deployment.requested_by_id).order_by("pk").values_list("user", flat=True)
    return " ".join(mrkdwn.user(user) for user in users[:MOST_CALLED])


def draw(workspace: Workspace, deployment_id: int) -> tuple[Json, dict[str, Any]]:
    """A card as its deployment stands now, and what to keep of it: `number`, `status`."""
    state = replay(deployment_id, JournalEntry.objects.filter(deployment=deployment_id).order_by("number"))
    author = Person.objects.filter(deployments=deployment_id).first()
    by = who(workspace, author) if author else mrkdwn.escape(state.by)
    with translation.override(settings.SLACK_LANGUAGE):
        message = card.draw(state, by=by, url=page(deployment_id))
    return message, {"number": state.number, "status": str(state.status)}
