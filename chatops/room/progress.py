"""Hears the journal: rings for whoever follows a deployment, and tells its rooms what matters to people.

A deployment's rooms are those that follow its app and environment, or its app and show its card. What is told is
written once per room under the client id `deployment:<id>/<entry number>`; `Following` keeps how far that went, so the
signal is only the fast way, and `catch_up` finds what a crash between commit and signal left untold.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction

from bot.phrases.tables import runs
from chatops.room import asides, hub, watchmen
from chatops.room.models import Following, Message, Room, Stream
from chatops.room.timeline import Timeline
from deploy_core import deployments
from deploy_core.models import Deployment, JournalEntry
from deploy_core.models.statements import fetch, select, update
from deploy_core.rules.status import ACTIVE, ENDED, WAITING, Status

#: Entries that may be worth telling; all others are the card's business.
TOLD = ("deployment.requested", "deployment.moved", "deployment.taken_over")
_KINDS = ", ".join(["%s"] * len(TOLD))
_NEWS = f"""
    SELECT 1 FROM deploy_core_journalentry WHERE deployment_id = %s AND kind IN ({_KINDS})
    AND number > coalesce((SELECT number FROM room_following WHERE deployment_id = %s), 0) LIMIT 1
"""  # noqa: S608 - marks alone
_TOLD_SINCE = f"""
    WHERE journalentry.deployment_id = %s AND journalentry.number > %s AND journalentry.number <= %s
    AND journalentry.kind IN ({_KINDS}) ORDER BY journalentry.number
"""
#: How far it is told, from now until commit by nobody else.
_HELD = """
    INSERT INTO room_following (deployment_id, number, is_done) VALUES (%s, %s, %s)
    ON CONFLICT (deployment_id) DO UPDATE SET number = room_following.number RETURNING id, number, is_done
"""
_FOLLOWING = "WHERE room.id IN (SELECT room_id FROM room_room_apps WHERE app_id = %s) ORDER BY room.id"
_CARDS = "SELECT room_id FROM room_message WHERE deployment_id = %s AND kind = %s"

logger = logging.getLogger(__name__)


def heard(stream: str, number: int) -> None:
    """A journal or a log grew: called after commit, in the thread that wrote."""
    if stream == "notice":
        asides.tell_notices()
        return
    hub.ring(stream, number)
    named = Stream.parse(stream)
    if named is not None and named.kind == "deployment":
        announce(named.id)


def catch_up() -> None:
    """Tell what no signal told. Only deployments that are not done with are looked at, however long the history is."""
    asides.tell_notices()
    begun = Following.objects.filter(is_done=False).values_list("deployment", flat=True)
    unheard = Deployment.objects.filter(status__in=ACTIVE | WAITING, following__isnull=True).values_list(
        "pk", flat=True
    )
    for deployment_id in sorted({*begun, *unheard}):
        try:
            announce(deployment_id)
        except Exception:
            logger.exception("could not tell the rooms about #%d; the ticker tries again", deployment_id)


def announce(deployment_id: int) -> None:
    """Tell a deployment's rooms what its journal has for them since the last time."""
    if fetch(_NEWS, (deployment_id, *TOLD, deployment_id)):
        _announce(deployment_id)


@transaction.atomic
def _announce(deployment_id: int) -> None:
    [(pk, told, is_done)] = fetch(_HELD, (deployment_id, 0, False))
    # Numbers are in the order of commits: what is not there after the newest was looked up is behind it.
    [(newest,)] = fetch("SELECT max(number) FROM deploy_core_journalentry WHERE deployment_id = %s", (deployment_id,))
    related = ("app", "environment", "requested_by", "cancelled_by")
    [deployment] = select(Deployment, "WHERE deployment.id = %s", (deployment_id,), related=related)
    rooms = _rooms_of(deployment)
    timeline = Timeline()
    for entry in select(JournalEntry, _TOLD_SINCE, (deployment_id, told, newest, *TOLD)):
        _tell(timeline, rooms, deployment, entry)
        is_asked = entry.kind == "deployment.moved" and entry.payload["to"] == Status.AWAITING_CONFIRMATION
        if is_asked and deployment.status == Status.AWAITING_CONFIRMATION:
            asides.ask_author(timeline, deployment)
        # An end stays one: a cancelled deployment's open steps are closed after it, in the same transaction.
        is_done |= entry.kind == "deployment.moved" and entry.payload["to"] in ENDED
    timeline.write()
    update(Following(pk=pk, number=newest, is_done=bool(is_done)), "number", "is_done")


def _rooms_of(deployment: Deployment) -> list[Room]:
    """Those that follow its app and environment, and, of those that follow the app, where it was asked for."""
    found = select(Room, _FOLLOWING, (deployment.app_id,))  # no others: their members may not see it
    hearing = {room.pk for room in found if room.hears_of(deployment.environment.name)}
    if len(hearing) < len(found):
        hearing |= {room for (room,) in fetch(_CARDS, (deployment.pk, Message.Kind.CARD))}
    return [room for room in found if room.pk in hearing]


def _tell(timeline: Timeline, rooms: list[Room], deployment: Deployment, entry: JournalEntry) -> None:
    if entry.kind == "deployment.requested":
        for room in rooms:
            timeline.card(room, deployment, at=entry.at)
        return
    words = announcement(deployment, entry)
    if words is None:
        return
    place = {"app": deployment.app.name, "environment": deployment.environment.name, "number": deployment.pk}
    code, params = words[0], place | words[1]
    for room in rooms:
        timeline.announce(room, deployment, entry.number, code, params, at=entry.at)
    watchmen.tell(timeline, deployment, rooms, code, params)


Words = tuple[str, dict[str, Any]]


def announcement(deployment: Deployment, entry: JournalEntry) -> Words | None:
    """What an entry means for people, as a code of the phrases and its parameters; None when it is only the card's."""
    if entry.kind == "deployment.taken_over":
        return "announce.taken_over", {}
    if entry.kind == "deployment.moved" and (words := _WORDS.get(entry.payload["to"])):
        return words(deployment, entry.payload)
    return None


def _waiting(deployment: Deployment, moved: dict[str, Any]) -> Words | None:
    if moved["reason"] == "waits_for_lock":
        return "announce.waiting_lock", {"lock_by": moved["params"]["by"]}
    if moved["reason"] == "waits_for_checks":
        return "announce.waiting_checks", {name: moved["params"][name] for name in ("checks", "revision")}
    ahead = deployments.ahead_of(deployment) if deployment.status == Status.QUEUED else []
    return ("announce.waiting", {"behind": ahead[-1].pk}) if ahead else None


def _started(deployment: Deployment, moved: dict[str, Any]) -> Words | None:
    if moved["from"] == Status.PAUSED:
        return "announce.resumed", {"by": moved["params"].get("by", "")}
    return "announce.started", {"ref": deployment.ref, "by": deployment.requested_by.username}


def _wants_approval(deployment: Deployment, moved: dict[str, Any]) -> Words:
    asked = {name: moved["params"][name] for name in ("needed", "people")}
    about = {"ref": deployment.ref, "revision": {"revision": deployment.revision}}
    return "announce.awaiting_approval", {**about, "by": deployment.requested_by.username, **asked}


def _scheduled(deployment: Deployment, moved: dict[str, Any]) -> Words:
    when = moved["params"]["when"]
    return "announce.scheduled", {"ref": deployment.ref, "by": deployment.requested_by.username, "when": when}


def _rejected(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.rejected", _why(moved)


def _expired(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.expired", _why(moved)


def _finished(deployment: Deployment, moved: dict[str, Any]) -> Words:
    if deployment.kind == Deployment.Kind.TASK:
        return "announce.task_done", {"task": deployment.plan["task"]}
    return "announce.finished", {"ref": deployment.ref, "revision": deployment.revision}


def _failed(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.failed", {**_why(moved), "runs": runs(moved["params"])}


def _paused(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.paused", _why(moved)


def _watching(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.watching", {"ref": deployment.ref, "seconds": moved["params"].get("seconds", "")}


def _rolling_back(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.rolling_back", _why(moved)


def _rolled_back(deployment: Deployment, moved: dict[str, Any]) -> Words:
    return "announce.rolled_back", _why(moved)


def _cancelled(deployment: Deployment, moved: dict[str, Any]) -> Words:
    by = deployment.cancelled_by
    return "announce.cancelled", {"by": by.username if by else moved["params"].get("by", "")}


def _why(moved: dict[str, Any]) -> dict[str, Any]:
    return {"why": {"code": moved["reason"], "params": moved["params"]} if moved["reason"] else ""}


_WORDS: dict[str, Callable[[Deployment, dict[str, Any]], Words | None]] = {
    Status.AWAITING_APPROVAL: _wants_approval,
    Status.SCHEDULED: _scheduled,
    Status.REJECTED: _rejected,
    Status.EXPIRED: _expired,
    Status.QUEUED: _waiting,
    Status.RUNNING: _started,
    Status.PAUSED: _paused,
    Status.VERIFYING: _watching,
    Status.ROLLING_BACK: _rolling_back,
    Status.SUCCEEDED: _finished,
    Status.FAILED: _failed,
    Status.ROLLED_BACK: _rolled_back,
    Status.CANCELLED: _cancelled,
}
