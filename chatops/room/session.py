"""One client, whatever carries its frames (docs/room-protocol.md): hello, following, asking, sending, within limits."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

import bot
from chatops.room import acts, asks, frames, messages, pool, streams
from chatops.room.acts import Said
from chatops.room.door import Identity
from chatops.room.following import STREAMS, Cursors, Following
from chatops.room.frames import Frame
from chatops.room.guests import SESSION_ENDED, Guests, guests
from chatops.room.incoming import Incoming, Unfit
from chatops.room.models import Stream
from chatops.room.postbox import postbox
from chatops.room.presence import Presence, presence
from chatops.room.reading import Reading, reading
from chatops.room.streams import Head
from chatops.room.watching import watchers
from chatops.room.wire import Batch, Wire
from deploy_core.errors import Refused
from deploy_core.models import Person
from deploy_core.rules.times import iso

VERSION = 1
PROTOCOL_BROKEN, TOO_LARGE, OTHER_VERSION = 4400, 1009, 4426
#: So many frames that are none end a connection.
BAD_FRAMES = 3

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)


class Session:
    """A signed-in client. `receive` takes its frames one after the other; what it is told goes to `wire`."""

    def __init__(self, identity: Identity, wire: Wire, *, is_lasting: bool = True) -> None:
        self.identity = identity
        self.is_lasting = is_lasting
        self.wire = wire
        self.has_said_hello = False
        self.followed = Following(wire)
        self._guests: Guests = guests()
        self._presence: Presence = presence()
        self._reading: Reading = reading()
        self._rooms: set[int] = set()
        self._bad_frames = 0
        self._guests.add(self)

    # --- life -----------------------------------------------------------------------------------------------------

    @property
    def following(self) -> Collection[Stream]:
        return self.followed.streams

    def tell(self, frame: Frame) -> None:
        """Send one frame, after everything sent so far."""
        self.wire.send(Batch([frames.encode(frame)]))

    def end(self, code: int) -> None:
        """Say goodbye and close."""
        retry_ms = secrets.randbelow(3000) if code == 1012 else 0  # not everybody at once
        self.tell({"t": "bye", "code": code, "retry_ms": retry_ms})
        self.wire.close(code)
        self.leave()

    def lose(self, stream: Stream) -> None:
        """Stop giving the client `stream`, which it may not see any more."""
        self.tell({"t": "reset", "s": str(stream), "reason": "access"})
        self._unfollow(stream)

    def leave(self, *, linger_s: float | None = None) -> None:
        """The connection is gone. May be called twice."""
        self._guests.discard(self)
        for room in self._rooms:
            self._presence.leave(room, self.identity.person_id, self, linger_s=linger_s)
        watchers().leave(self, self.identity.person_id, linger_s=linger_s)
        self.followed.leave_all()
        self._rooms = set()

    # --- following ------------------------------------------------------------------------------------------------

    async def follow(self, cursors: Cursors, want: Collection[Stream]) -> dict[Stream, Head]:
        """Follow those of the streams that the person may see and for which there is room, and return their heads;
        says `reset` where a cursor cannot be continued."""
        asked = self.followed.room_for(dict.fromkeys([*cursors, *want]))  # `sub` says so of the others
        asked_at = self._guests.words
        allowed = self._guests.seen_by(self.identity, asked)
        if allowed is None:
            allowed = await self._work(acts.visible, asked)
            self._guests.vouch(self.identity, allowed, asked_at=asked_at)
        for stream in asked:
            if stream not in allowed:
                self.tell({"t": "reset", "s": str(stream), "reason": "access"})
        for stream in allowed:
            await self.followed.join(stream)
        await self._guests.look_again(self, asked_at=asked_at)
        heads = await self.followed.heads([stream for stream in allowed if stream in self.following], cursors)
        for reset in self.followed.resets(heads, cursors):
            self.tell(reset)
        return heads

    def enter(self, shown: Iterable[Stream], *, is_visible: bool) -> None:
        """Be present in the rooms among what the page shows."""
        for stream in shown:
            if stream.kind == "room" and stream in self.following:
                self._rooms.add(stream.id)
                person = self.identity
                self._presence.enter(stream.id, person.person_id, person.name, self, is_visible=is_visible)

    def _unfollow(self, stream: Stream) -> None:
        self.followed.leave(stream)
        if stream.kind == "deployment" and watchers().is_at(self, stream.id):
            watchers().leave(self, self.identity.person_id, linger_s=0)
        if stream.kind == "room" and stream.id in self._rooms:
            self._rooms.discard(stream.id)
            self._presence.leave(stream.id, self.identity.person_id, self)

    # --- frames ---------------------------------------------------------------------------------------------------

    async def receive(self, text: str | None) -> None:
        """Answer one frame; None is a binary one."""
        if text is not None and len(text.encode(errors="replace")) > settings.FRAME_LIMIT_BYTES:
            self.tell(frames.error("too_large", limit=settings.FRAME_LIMIT_BYTES))
            self.end(TOO_LARGE)
            return
        answers_to: dict[str, Any] = {}
        try:
            if text is None:
                raise Unfit("bad_frame")
            frame = Incoming.parse(text)
            answers_to = frame.answers_to
            await self._answer(frame)
        except Unfit as unfit:
            self._refuse(unfit.code, answers_to | unfit.fields)
        except Refused as refused:
            self._refuse(refused.code, answers_to | dict(refused.params))
        except OperationalError as error:  # a full disk, a database that is away or held: nothing of it is stored
            logger.error("a frame of %s found the database unable: %s", self.identity.name, error)
            self._refuse("unavailable", answers_to)
        except Exception:
            logger.exception("a frame of %s failed", self.identity.name)
            self._refuse("internal", answers_to)

    async def _answer(self, frame: Incoming) -> None:
        handler = _HANDLERS.get(frame.t)
        if handler is None:
            raise Unfit("unknown_type", type=frame.t[:40])
        if wait_ms := self._guests.take_ask(self.identity.person_id):
            raise Unfit("rate_limited", retry_after_ms=wait_ms)
        await handler(self, frame)

    def _refuse(self, code: str, fields: dict[str, Any]) -> None:
        self.tell(frames.error(code, **fields))
        if code == "auth":
            self.end(SESSION_ENDED)
        elif code == "bad_frame":
            self._bad_frames += 1
            if self._bad_frames >= BAD_FRAMES:
                self.end(PROTOCOL_BROKEN)

    def refuse_more(self, frame: object) -> None:
        """Answer that this answer is full: the frame may be sent again."""
        answers_to = Incoming(frame).answers_to if isinstance(frame, dict) else {}
        self._refuse("rate_limited", answers_to | {"retry_after_ms": 0})

    async def _work(self, work: Callable[Concatenate[Person, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` returns, done as the person, if they still may be here at that moment.

        Raises:
            Unfit: `auth`: they may not.
        """
        return await pool.run(acts.as_person, self.identity, lambda person: work(person, *args, **kwargs))

    async def _hello(self, frame: Incoming) -> None:
        if frame.number("v", 0) != VERSION:
            self._refuse("version", {"v": VERSION})
            self.end(OTHER_VERSION)
            return
        want = frame.streams("want", STREAMS)
        heads = await self.follow(frame.cursors("resume", STREAMS), want)
        self.has_said_hello = True
        self.welcome(heads)
        self._tell_watchers(heads)
        self.enter(shown(want, heads), is_visible=True)

    def welcome(self, heads: dict[Stream, Head]) -> None:
        """Say what is followed and where it stands."""
        self.tell(
            {
                "t": "welcome",
                "v": VERSION,
                "conn": secrets.token_hex(8),
                "now": iso(timezone.now()),
                "heartbeat_ms": int(settings.HEARTBEAT_S * 1000),
                "you": {"id": self.identity.person_id, "name": self.identity.name},
                "streams": [self.followed.standing(stream, head) for stream, head in heads.items()],
                "limits": limits(),
            }
        )

    async def _sub(self, frame: Incoming) -> None:
        stream = frame.stream()
        if stream not in self.followed.room_for([stream]):
            raise Unfit("rate_limited", retry_after_ms=0)
        asked_at = self._guests.words
        await self._work(acts.require, stream)
        await self.followed.join(stream)
        await self._guests.look_again(self, asked_at=asked_at)
        if stream not in self.following:
            raise Unfit("not_found")
        heads = await self.followed.heads([stream])
        self.tell({"t": "subbed", **frame.answers_to, **self.followed.standing(stream, heads[stream])})
        self._tell_watchers([stream])

    def _tell_watchers(self, followed: Iterable[Stream]) -> None:
        for stream in followed:
            if stream.kind == "deployment" and (told := watchers().frame(stream.id)):
                self.tell(told)

    async def _unsub(self, frame: Incoming) -> None:
        self._unfollow(frame.stream())

    async def _range(self, frame: Incoming) -> None:
        stream = frame.stream()
        limit = frame.number("limit", streams.PAGE)
        if frame.has("before"):
            found = await self._work(acts.page, stream, before=frame.number("before"), limit=limit)
        else:
            found = await self._work(acts.page, stream, after=frame.number("after", 0), limit=limit)
        self.tell({"t": "range", **frame.answers_to, "s": str(stream), **found})

    async def _snapshot(self, frame: Incoming) -> None:
        stream = frame.stream()
        found = await self._work(acts.snapshot, stream)
        if stream.kind == "room":
            found["state"]["people"] = self._presence.people(stream.id)
        self.tell({"t": "snapshot", **frame.answers_to, "s": str(stream), **found})

    async def _message(self, frame: Incoming) -> None:
        await self._post(frame)

    async def _command(self, frame: Incoming) -> None:
        longest_ms = int(settings.COMMAND_TTL_S * 1000)
        if frame.number("age_ms", 0) > min(frame.number("ttl_ms", longest_ms), longest_ms):
            raise Unfit("expired")
        await self._post(frame)

    async def _post(self, frame: Incoming) -> None:
        client_id, room, text = frame.client_id(), frame.number("room"), frame.text("text")
        messages.check(text)
        if wait_ms := self._guests.take_line(self.identity.person_id):
            raise Unfit("rate_limited", retry_after_ms=wait_ms)
        is_late = frame.number("age_ms", 0) > settings.COMMAND_TTL_S * 1000
        reply_to = frame.number("reply_to") if frame.has("reply_to") else None
        if bot.is_command(text, "web"):
            outcome = await self._work(acts.post, room, text, client_id, is_late=is_late, reply_to=reply_to)
        else:
            outcome = await postbox().post(Said(self.identity, room, text, client_id, reply_to))
        told = {name: value for name, value in outcome.items() if name != "dup"}
        repeat = {"dup": True} if outcome.get("dup") else {}
        place = {"result": outcome["result"], "s": outcome["s"], "q": outcome["q"]}
        self.tell({"t": "ack", "cid": client_id, **place, **repeat, "d": told})

    async def _complete(self, frame: Incoming) -> None:
        room, text, caret = frame.number("room"), frame.text("text"), frame.number("caret", 0)
        if not messages.is_storable(text):
            raise Unfit("bad_text")
        found = await self._work(acts.complete, room, text[: settings.TEXT_LIMIT], caret)
        self.tell({"t": "completions", **frame.answers_to, **found})

    async def _read(self, frame: Incoming) -> None:
        room, number = frame.number("room"), frame.number("q")
        await self._work(acts.mark_read, room, number)
        self._reading.tell(self.identity.person_id, room, number)

    async def _ask(self, frame: Incoming) -> None:
        if frame.t in asks.LASTING and (wait_ms := self._guests.take_line(self.identity.person_id)):
            raise Unfit("rate_limited", retry_after_ms=wait_ms)
        self.tell(await self._work(asks.answer, frame))

    async def _watch(self, frame: Incoming) -> None:
        deployment = frame.number("deployment") if frame.has("deployment") else None
        if deployment is None or Stream("deployment", deployment) in self.following:
            watchers().look(self, self.identity.person_id, self.identity.name, deployment)

    async def _dismiss(self, frame: Incoming) -> None:
        await self._work(acts.dismiss, frame.number("q"))

    async def _typing(self, frame: Incoming) -> None:
        room = frame.number("room")
        if Stream("room", room) in self.following:
            self._presence.typing(room, self.identity.person_id, self.identity.name, is_on=frame.flag("on"))

    async def _visible(self, frame: Incoming) -> None:
        self.enter([Stream("room", room) for room in self._rooms], is_visible=frame.flag("visible"))

    async def _ping(self, frame: Incoming) -> None:
        self.tell({"t": "pong", "n": frame.number("n", 0), "now": iso(timezone.now())})


def shown(want: Iterable[Stream], followed: Iterable[Stream]) -> list[Stream]:
    """The rooms that a page shows: those it wants, or, where it wants none, all it follows."""
    wanted = [stream for stream in want if stream.kind == "room"]
    return wanted or [stream for stream in followed if stream.kind == "room"]


def limits() -> Frame:
    """What a page has to keep to."""
    return {
        "text": settings.TEXT_LIMIT,
        "rate": [settings.SEND_RATE, settings.SEND_RATE_WINDOW_S],
        "ttl_ms": int(settings.COMMAND_TTL_S * 1000),
    }


_HANDLERS: Mapping[str, Callable[[Session, Incoming], Awaitable[None]]] = {
    "hello": Session._hello,
    "sub": Session._sub,
    "unsub": Session._unsub,
    "range": Session._range,
    "snapshot": Session._snapshot,
    "message": Session._message,
    "command": Session._command,
    "complete": Session._complete,
    "read": Session._read,
    "dismiss": Session._dismiss,
    "typing": Session._typing,
    "presence": Session._visible,
    "ping": Session._ping,
    "watch": Session._watch,
    **dict.fromkeys(asks.ASKS, Session._ask),
}
