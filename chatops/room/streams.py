"""The four streams as rows: where each stands, what follows a number, and a picture to start from.

All functions are synchronous and read only. A picture needs no transaction: events are never changed, so
"everything up to number q" is the same whenever it is read.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from chatops.room import access, frames, graph, unread
from chatops.room.frames import Frame
from chatops.room.models import Event, Membership, Room, Stream
from deploy_core.ledger import log
from deploy_core.models import Deployment, JournalEntry, Person, Step, StreamHead
from deploy_core.models.sequence import epoch as current_epoch
from deploy_core.rules.states import replay
from deploy_core.rules.status import ENDED

#: The most events, or log lines, that one answer carries.
PAGE = 200
LOG_PAGE = 1000
#: And so many bytes, so that no answer fills a slow reader's line (`BACKLOG_LIMIT_BYTES`) by itself.
PAGE_BYTES = 256 * 1024
#: How many of the newest events, or log lines, a picture begins with.
LAST = 50
LOG_LAST = 500
#: A room's picture names so many members, and shows so many deployments.
MEMBERS_SHOWN = 200
DEPLOYMENTS_SHOWN = 30


class Head(NamedTuple):
    """The newest number of a stream, and the oldest that is kept."""

    number: int = 0
    floor: int = 1


def look(streams: Collection[Stream]) -> tuple[str, dict[Stream, Head]]:
    """The epoch, and the head of each of `streams`."""
    return current_epoch(), heads(streams)


def heads(streams: Collection[Stream]) -> dict[Stream, Head]:
    """The head of each of `streams`, by one query."""
    found = dict.fromkeys(streams, Head())
    if not found:
        return found
    ids = defaultdict(list)
    for stream in streams:
        ids[stream.kind].append(stream.id)
    wanted = Q()
    for kind, of_kind in ids.items():
        wanted |= Q(kind=kind, stream_id__in=of_kind)
    rows = StreamHead.objects.filter(wanted).values_list("kind", "stream_id", "number", "floor")
    found.update({Stream(kind, stream_id): Head(number, floor) for kind, stream_id, number, floor in rows})
    return found


class Burst(NamedTuple):
    """What follows a number, ready to send: `number` is the newest in it."""

    payloads: list[bytes]
    number: int


def burst(stream: Stream, after: int, limit: int, epoch: str) -> Burst:
    """At most `limit` events (or log lines, as one frame) that follow number `after`, within `PAGE_BYTES`."""
    if stream.kind == "log":
        lines = log.lines(stream.id, after, limit)
        lines = lines[: _within(len(line[3].encode(errors="replace")) for line in lines)]
        if not lines:
            return Burst([], after)
        newest = lines[-1][0]
        frame = frames.log(stream, epoch, lines, is_eof=_is_eof(stream.id, newest))
        return Burst([frames.encode(frame)], newest)
    events = _events(stream, after, after + limit, epoch)
    payloads = [frames.encode(event) for event in events]
    count = _within(map(len, payloads))
    return Burst(payloads[:count], events[count - 1]["q"] if events else after)


def page(stream: Stream, *, after: int | None = None, before: int | None = None, limit: int = PAGE) -> Frame:
    """The fields of a `range` answer: what follows `after`, or the newest of what precedes `before`."""
    epoch, found = look([stream])
    head = found[stream]
    limit = max(1, min(limit, LOG_PAGE if stream.kind == "log" else PAGE))
    if before is not None:
        upto = min(before - 1, head.number)
        low = max(head.floor - 1, upto - limit)
        events = _newest(_numbered(stream, low, upto, epoch))
        more = bool(events) and events[0]["q"] > head.floor
    else:
        low = max(after or 0, head.floor - 1)
        upto = min(low + limit, head.number)
        events = _oldest(_numbered(stream, low, upto, epoch))
        more = bool(events) and events[-1]["q"] < head.number
    return {"e": epoch, "events": events, "head": head.number, "more": more}


def snapshot(stream: Stream, person: Person) -> Frame:
    """The fields of a `snapshot` answer: the newest events, and the state they led to, at number `q`."""
    epoch, found = look([stream])
    number, floor = found[stream]
    last = LOG_LAST if stream.kind == "log" else LAST
    events = _newest(_numbered(stream, max(number - last, floor - 1), number, epoch))
    match stream.kind:
        case "room":
            state: Any = room_state(stream.id, person, events)
        case "person":
            waiting = unread.of(person)
            state = {
                "unread": {room: each.messages for room, each in waiting.items()},
                "mentions": {room: each.mentions for room, each in waiting.items()},
            }
        case "deployment":
            state = deployment_state(stream.id, upto=number)
        case _:
            state = log_state(stream.id, number)
    return {"e": epoch, "q": number, "state": state, "last": events}


def room_state(room_id: int, person: Person, events: Iterable[Frame]) -> Frame:
    """What a room's page shows beside its events: members, and the deployments that run or have a card in `events`."""
    members = Membership.objects.filter(room=room_id)
    cards = {event["d"]["deployment"] for event in events if event["k"] == "card"}
    running = Deployment.objects.filter(app__in=Room.apps.through.objects.filter(room=room_id).values("app"))
    running = running.exclude(status__in=ENDED).order_by("-pk")
    ids = [*running.values_list("pk", flat=True)[:DEPLOYMENTS_SHOWN], *sorted(cards, reverse=True)]
    shown = access.visible(person, dict.fromkeys(ids))[:DEPLOYMENTS_SHOWN]
    names = members.order_by("person__username").values_list("person", "person__username")
    room = Room.objects.select_related("pinned__author").get(pk=room_id)
    return {
        "topic": room.topic,
        "is_closed": room.is_closed,
        "is_announcements": room.is_announcements,
        "pinned": frames.pinned(room.pinned) if room.pinned else None,
        "members": [{"id": pk, "name": name} for pk, name in names[:MEMBERS_SHOWN]],
        "member_count": members.count(),
        "deployments": [deployment_state(pk) for pk in shown],
    }


def deployment_state(deployment_id: int, *, upto: int | None = None) -> Frame:
    """A deployment as its journal tells it, with `q` (the entry it stands at) and `graph` (the nodes to draw)."""
    entries = JournalEntry.objects.filter(deployment_id=deployment_id).order_by("number")
    if upto is not None:
        entries = entries.filter(number__lte=upto)
    state = replay(deployment_id, entries)
    told = state.as_json()
    return {**told, "q": state.number, "graph": graph.nodes(told)}


def deployment_picture(deployment_id: int) -> Frame:
    """The fields of a `snapshot` of a deployment that needs no events: its state says all of them."""
    state = deployment_state(deployment_id)
    return {"e": current_epoch(), "q": state["q"], "state": state, "last": []}


def log_state(step_id: int, number: int) -> Frame:
    """Whose log it is, and whether line `number` is its last."""
    step = Step.objects.get(pk=step_id)
    return {"deployment": step.deployment_id, "key": step.key, "eof": _is_eof(step_id, number)}


def private_replies(person: Person, room_id: int) -> list[Frame]:
    """The bot's private answers to lines typed in a room that are still to be shown, oldest first."""
    since = timezone.now() - timedelta(seconds=settings.PRIVATE_REPLY_S)
    events = Event.objects.filter(stream_kind="person", stream_id=person.pk, at__gte=since)
    dismissed = {d["q"] for d in events.filter(kind="reply.dismissed").values_list("payload", flat=True)}
    here = Q(payload__room=room_id) | Q(payload__room=None)  # what is told wherever a person is names no room
    replies = events.filter(here, kind="reply").select_related("author").order_by("-number")[:LAST]
    epoch = current_epoch()
    return [frames.of_event(event, epoch) for event in reversed(replies) if event.number not in dismissed]


def _numbered(stream: Stream, low: int, upto: int, epoch: str) -> list[Frame]:
    """Events `low < number <= upto`; the lines of a log are small events of their own."""
    if stream.kind == "log":
        return frames.log_events(log.lines(stream.id, low, upto - low)) if upto > low else []
    return _events(stream, low, upto, epoch)


def _oldest(events: list[Frame]) -> list[Frame]:
    """As many of `events`, from the first on, as one answer carries; at least one."""
    return events[: _within(len(frames.encode(event)) for event in events)]


def _within(sizes_bytes: Iterable[int]) -> int:
    """How many things of these sizes go into `PAGE_BYTES`; at least one, if there is one."""
    total, count = 0, 0
    for size_bytes in sizes_bytes:
        total += size_bytes
        if total > PAGE_BYTES and count:
            break
        count += 1
    return count


def _newest(events: list[Frame]) -> list[Frame]:
    """The same, up to the last."""
    return _oldest(events[::-1])[::-1]


def _events(stream: Stream, low: int, upto: int, epoch: str) -> list[Frame]:
    between: dict[str, int] = {"number__gt": low, "number__lte": upto}
    if stream.kind == "deployment":
        entries = JournalEntry.objects.filter(deployment_id=stream.id, **between).select_related("person")
        return [frames.of_entry(entry, epoch) for entry in entries.order_by("number")]
    events: QuerySet[Event] = Event.objects.filter(stream_kind=stream.kind, stream_id=stream.id, **between)
    return [frames.of_event(event, epoch) for event in events.select_related("author").order_by("number")]


def _is_eof(step_id: int, number: int) -> bool:
    """Whether the step has ended and line `number` is its last."""
    step = Step.objects.filter(pk=step_id).values_list("finished", "log_lines").first()
    return step is None or (step[0] is not None and number >= step[1])
