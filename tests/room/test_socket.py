"""The protocol over a socket, against the real application."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session as StoredSession

import bot
from bot.invocation import Reply
from chatops.room import acts, chat, guests, messages
from chatops.room.acts import Said
from chatops.room.door import Identity
from chatops.room.hub import hubs, ring, tell_progress
from chatops.room.models import Line, Membership, Message, Room, Stream
from chatops.room.postbox import postbox
from chatops.trust import granting
from deploy_core import deployments
from deploy_core.ledger import journal, log
from deploy_core.models import Grant, Person, Step, Team
from deploy_core.models.sequence import Installation
from deploy_core.models.sequence import epoch as current_epoch
from deploy_core.rules.status import Status
from tests import factories
from tests.room.conftest import WAIT_S, Cast, Client, Connect, off_loop, sign_in


def _write(cast: Cast, text: str, cid: str, author: Person | None = None) -> None:
    """A line that comes by another door."""
    messages.post(author=author or cast.bob, room=cast.room, text=text, client_id=cid, surface="shell")


def _request(cast: Cast) -> int:
    return deployments.request(cast.shop, "main", cast.staging, by=cast.alice, surface="web").pk


# --- hello ----------------------------------------------------------------------------------------------------------


async def test_a_welcome_says_where_the_streams_stand(cast: Cast, connect: Connect):
    await off_loop(_write, cast, "before", "c1")

    async with connect(cast.alice) as alice:
        welcome = await alice.hello(cast.stream, f"person:{cast.alice.pk}")

    room, person = welcome["streams"]
    assert (room["s"], room["head"], room["floor"]) == (str(cast.stream), 1, 1)
    assert (person["head"], person["e"]) == (0, room["e"])
    assert welcome["you"] == {"id": cast.alice.pk, "name": "alice"}
    assert welcome["limits"]["text"] == 8000


async def test_streams_one_may_not_see_are_taken_away_at_once(cast: Cast, connect: Connect):
    async with connect(cast.dave) as dave:
        welcome = await dave.hello(cast.stream, f"person:{cast.alice.pk}", f"person:{cast.dave.pk}", "room:999")

        resets = [await dave.next("reset") for _ in range(3)]

    assert [each["s"] for each in welcome["streams"]] == [f"person:{cast.dave.pk}"]
    assert {(each["s"], each["reason"]) for each in resets} == {
        (str(cast.stream), "access"), (f"person:{cast.alice.pk}", "access"), ("room:999", "access"),
    }  # fmt: skip


async def test_another_version_is_told_so(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        await alice.send({"t": "hello", "v": 2})

        assert (await alice.next("err"))["code"] == "version"
        assert await alice.closed() == 4426


async def test_a_socket_without_hello_is_closed(cast: Cast, connect: Connect, settings):
    settings.HELLO_TIMEOUT_S = 0.05
    async with connect(cast.alice) as alice:
        assert (await alice.next("bye"))["code"] == 4408
        assert await alice.closed() == 4408


@pytest.mark.parametrize(
    ("known", "reason"), [(("other", 1), "epoch"), ((None, 999_999_999), "head"), ((None, 0), "floor")]
)
async def test_a_cursor_that_cannot_be_continued_is_reset(cast: Cast, connect: Connect, known, reason):
    def prepare() -> str:
        from deploy_core.models import StreamHead

        for n in range(3):
            _write(cast, f"line {n}", f"c{n}")
        StreamHead.objects.filter(kind="room").update(floor=3)
        return current_epoch()

    epoch = await off_loop(prepare)
    cursor = {"s": str(cast.stream), "e": known[0] or epoch, "q": known[1]}
    async with connect(cast.alice) as alice:
        await alice.hello(resume=[cursor])

        reset = await alice.next("reset")

    assert (reset["s"], reset["reason"]) == (str(cast.stream), reason)


# --- saying ---------------------------------------------------------------------------------------------------------


async def test_a_line_reaches_everybody_in_the_room(cast: Cast, connect: Connect):
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        ack = await alice.say(cast.room, "hello there", cid="c1")

        seen = [await client.event("message") for client in (alice, bob)]

    assert ack["result"] == "posted"
    assert seen[0] == seen[1]
    assert seen[0]["d"] == {"id": ack["d"]["message"], "text": "hello there"}
    assert (seen[0]["q"], seen[0]["cid"], seen[0]["by"]["name"]) == (ack["q"], "c1", "alice")


async def test_the_same_client_id_is_one_message_with_two_equal_answers(cast: Cast, connect: Connect):
    async with connect(cast.alice, cast.stream) as alice:
        first, second = await alice.say(cast.room, "hi", cid="c1"), await alice.say(cast.room, "hi", cid="c1")

    assert second == {**first, "dup": True}
    assert await off_loop(Message.objects.count) == 1


async def test_what_a_client_claims_about_itself_is_not_believed(cast: Cast, connect: Connect):
    claims = {"user": "admin", "role": "admin", "system": True, "id": 1, "ts": 0, "by": {"id": cast.bob.pk}}
    async with connect(cast.alice, cast.stream) as alice:
        await alice.ask({"t": "message", "cid": "c1", "room": cast.room.pk, "text": "hi", **claims}, "ack")

        event = await alice.event("message")

    assert event["by"] == {"id": cast.alice.pk, "name": "alice", "via": "web"}


async def test_a_room_one_is_not_in_answers_like_one_that_does_not_exist(cast: Cast, connect: Connect):
    async with connect(cast.dave) as dave:
        answers = [
            await dave.ask({"t": "message", "cid": "c1", "room": room, "text": "hi"}, "ack")
            for room in (cast.room.pk, 999_999)
        ]

    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"


async def test_a_private_answer_comes_to_every_page_of_its_author_and_to_nobody_else(cast: Cast, connect: Connect):
    own = f"person:{cast.alice.pk}"
    async with (
        connect(cast.alice, cast.stream, own) as alice,
        connect(cast.alice, own) as second,
        connect(cast.bob, cast.stream, f"person:{cast.bob.pk}") as bob,
    ):
        ack = await alice.ask({"t": "command", "cid": "c1", "room": cast.room.pk, "text": "/stauts"}, "ack")
        replies = [await page.event("reply") for page in (alice, second)]

        assert (ack["result"], ack["q"], ack["d"]["reply"]["code"]) == ("error", None, "unknown_command")
        assert replies[0]["d"]["for_cid"] == replies[1]["d"]["for_cid"] == "c1"
        await alice.say(cast.room, "for everybody")
        await bob.event("message")
        assert "reply" not in bob.left


async def test_a_dismissed_answer_is_dismissed_on_every_page(cast: Cast, connect: Connect):
    own = f"person:{cast.alice.pk}"
    async with connect(cast.alice, own) as alice, connect(cast.alice, own) as second:
        await alice.say(cast.room, "/stauts")
        reply = await alice.event("reply")
        for _ in range(2):
            await alice.send({"t": "dismiss", "q": reply["q"]})

        assert (await second.event("reply.dismissed"))["d"] == {"q": reply["q"]}
        await alice.ask({"t": "range", "rid": 1, "s": own, "after": 0}, "range")
        assert len(alice.frames) == 1  # one reply.dismissed


async def test_a_command_that_grew_old_is_refused_and_chat_is_not(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        late = {"room": cast.room.pk, "age_ms": 16_000}
        command = {"t": "command", "cid": "c1", "text": "/status", "ttl_ms": 60_000, **late}

        refused = [
            await alice.ask(command, "ack"),
            await alice.ask({**command, "age_ms": 900, "ttl_ms": 500}, "ack"),
            await alice.ask({"t": "message", "cid": "c2", "text": "/status", **late}, "ack"),
        ]
        chat = await alice.ask({"t": "message", "cid": "c3", "text": "sorry, was away", **late}, "ack")

    assert [answer["code"] for answer in refused] == ["expired"] * 3
    assert chat["result"] == "posted"
    assert await off_loop(Line.objects.count) == 1


async def test_a_flood_over_all_pages_is_refused_with_the_time_to_wait(cast: Cast, connect: Connect, settings):
    settings.SEND_RATE, settings.SEND_RATE_WINDOW_S = 3, 60
    async with connect(cast.alice) as alice, connect(cast.alice) as second, connect(cast.bob) as bob:
        answers = [await page.say(cast.room, f"line {n}") for n, page in enumerate((alice, second, alice, second))]

        assert [answer["t"] for answer in answers] == ["ack", "ack", "ack", "err"]
        assert answers[3]["code"] == "rate_limited"
        assert 0 < answers[3]["retry_after_ms"] <= 60_000
        assert (await bob.say(cast.room, "I am not alice"))["t"] == "ack"
    assert await off_loop(Message.objects.count) == 4


async def test_asking_too_much_is_refused_too(cast: Cast, connect: Connect, settings):
    settings.ASK_RATE = 5
    async with connect(cast.alice) as alice:
        for n in range(6):
            await alice.send({"t": "ping", "n": n})

        assert (await alice.next("err"))["code"] == "rate_limited"
        async with connect(cast.alice) as other, connect(cast.bob) as bob:
            await other.send({"t": "ping", "n": 1})
            assert (await other.next("err"))["code"] == "rate_limited"  # her pages share what she may ask
            await bob.send({"t": "ping", "n": 1})
            assert (await bob.next("pong"))["n"] == 1


async def test_a_second_hello_cannot_follow_more_than_is_allowed(cast: Cast, connect: Connect, monkeypatch):
    monkeypatch.setattr("chatops.room.following.STREAMS", 2)
    rooms = await off_loop(lambda: [factories.room(f"r{n}", members=(cast.alice,)) for n in range(3)])
    named = [str(Stream("room", room.pk)) for room in rooms]
    async with connect(cast.alice) as alice:
        first = await alice.hello(*named[:1])
        second = await alice.hello(*named[1:])
        refused = await alice.ask({"t": "sub", "rid": 1, "s": named[2]}, "subbed")
        again = await alice.hello(named[0])

    assert [[each["s"] for each in welcome["streams"]] for welcome in (first, second, again)] == [
        named[:1], named[1:2], named[:1],
    ]  # fmt: skip
    assert refused["code"] == "rate_limited"


@pytest.mark.parametrize("text", ["/deploy \x00", "/deploy \ud800"])
async def test_what_no_database_holds_is_not_completed(cast: Cast, connect: Connect, text):
    async with connect(cast.alice) as alice:
        answer = await alice.ask({"t": "complete", "rid": 1, "room": cast.room.pk, "text": text, "caret": 3}, "never")

    assert answer["code"] == "bad_text"


async def test_many_lines_at_once_are_stored_in_few_transactions(cast: Cast, connect: Connect, settings):
    settings.SEND_RATE = 1000
    groups: list[int] = []
    say = chat.say
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chat, "say", lambda lines: groups.append(len(lines)) or say(lines))
            lines = [
                postbox().post(Said(alice_id(cast, alice), cast.room.pk, f"{n}", f"g{n}", None)) for n in range(100)
            ]
            outcomes = await asyncio.gather(*lines)
        seen = [(await bob.event("message"))["d"]["text"] for _ in range(100)]

    assert [outcome["q"] for outcome in outcomes] == list(range(1, 101))
    assert seen == [f"{n}" for n in range(100)]
    assert len(groups) <= 4


def alice_id(cast: Cast, alice: Client) -> Identity:
    return Identity(cast.alice.pk, "alice", alice.key, cast.alice.get_session_auth_hash())


async def test_completion_is_the_bots(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        frame = {"t": "complete", "rid": "r1", "room": cast.room.pk, "text": "/depl", "caret": 5}

        answer = await alice.ask(frame, "completions")

    assert [item["insert"].strip() for item in answer["items"]] == ["/deploy"] or answer["items"]
    assert {"from", "to", "usage", "more"} <= set(answer)


# --- following ------------------------------------------------------------------------------------------------------


async def test_coming_back_with_a_cursor_leaves_no_hole_and_nothing_double(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        welcome = await alice.hello(cast.stream)
        await off_loop(_write, cast, "line 1", "c1")
        seen = [await alice.event("message")]
    for n in (2, 3, 4):
        await off_loop(_write, cast, f"line {n}", f"c{n}")

    async with connect(cast.alice) as alice:
        cursor = {"s": str(cast.stream), "e": welcome["streams"][0]["e"], "q": seen[-1]["q"]}
        again = await alice.hello(resume=[cursor])
        page = await alice.ask({"t": "range", "rid": 1, "s": str(cast.stream), "after": cursor["q"]}, "range")
        seen += page["events"]
        await off_loop(_write, cast, "line 5", "c5")
        seen.append(await alice.event("message"))

    assert again["streams"][0]["head"] == 4
    assert [event["q"] for event in seen] == [1, 2, 3, 4, 5]


async def test_an_event_between_joining_and_the_welcome_is_in_its_head(cast: Cast, connect: Connect, monkeypatch):
    """A stream is joined first and its head read second; the other order would lose what is written between."""
    joined = hubs().join

    async def slowly(stream: Stream, wire: object) -> None:
        await joined(stream, wire)  # type: ignore[arg-type]
        await off_loop(_write, cast, "just now", f"c-{stream.kind}")

    monkeypatch.setattr(hubs(), "join", slowly)
    async with connect(cast.alice) as alice:
        welcome = await alice.hello(cast.stream)

        assert welcome["streams"][0]["head"] == 1
        assert (await alice.event("message"))["q"] == 1


async def test_a_subscription_ends_with_unsub(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        await alice.hello()
        subbed = await alice.ask({"t": "sub", "rid": 1, "s": str(cast.stream)}, "subbed")
        await off_loop(_write, cast, "one", "c1")
        await alice.event("message")

        await alice.send({"t": "unsub", "s": str(cast.stream)})
        await alice.ask({"t": "range", "rid": 2, "s": str(cast.stream), "after": 0}, "range")
        await off_loop(_write, cast, "two", "c2")

        await alice.ask({"t": "range", "rid": 3, "s": str(cast.stream), "after": 0}, "range")
        assert (subbed["head"], subbed["floor"]) == (0, 1)
        assert alice.left == []
        assert hubs().get(cast.stream) is None


@pytest.mark.parametrize("t", ["sub", "range", "snapshot"])
async def test_streams_of_others_are_not_found(cast: Cast, connect: Connect, t):
    async with connect(cast.dave) as dave:
        names = (str(cast.stream), f"person:{cast.alice.pk}", "deployment:1", "log:1", "room:999", "nonsense")

        answers = [await dave.ask({"t": t, "rid": "r", "s": name}, "subbed", "range", "snapshot") for name in names]

    assert [answer["code"] for answer in answers] == ["not_found"] * 6
    assert len({str(answer) for answer in answers}) == 1


async def test_a_deployment_and_its_log_are_followed_as_they_grow(cast: Cast, connect: Connect):
    number = await off_loop(_request, cast)
    step = await off_loop(Step.objects.get, deployment=number, key="build")
    async with connect(cast.bob, f"deployment:{number}", f"log:{step.pk}") as bob:

        def work() -> None:
            journal.move(number, Status.QUEUED)
            with log.LogWriter(step.pk, step.deployment.epoch) as writer:
                writer.write("o", "one\ntwo")

        await off_loop(work)
        moved, lines = await bob.event("deployment.moved"), await bob.next("log")

        snapshot = await bob.ask({"t": "snapshot", "rid": 1, "s": f"deployment:{number}"}, "snapshot")

    assert moved["d"] == {"from": "planning", "to": "queued", "reason": "", "params": {}}
    assert (lines["first"], [line[1:] for line in lines["lines"]]) == (1, [["o", "one"], ["o", "two"]])
    assert (snapshot["q"], snapshot["state"]["status"]) == (2, "queued")


async def test_a_ring_from_a_thread_reaches_a_waiting_page(cast: Cast, connect: Connect):
    number = await off_loop(_request, cast)
    async with connect(cast.bob, f"deployment:{number}") as bob:
        took = []
        for status in (Status.QUEUED, Status.RUNNING, Status.CANCELLING, Status.CANCELLED):
            await asyncio.sleep(0.02)  # nothing else keeps the loop awake
            loop = asyncio.get_running_loop()
            began = loop.time()
            writing = asyncio.create_task(off_loop(journal.move, number, status))
            await bob.event("deployment.moved")
            took.append(loop.time() - began)
            await writing

    assert min(took) < 0.1


async def test_progress_is_told_and_not_stored(cast: Cast, connect: Connect):
    number = await off_loop(_request, cast)
    stream = Stream("deployment", number)
    async with connect(cast.bob, stream) as bob:
        await asyncio.to_thread(tell_progress, stream, {"stage:web-1": {"done": 3, "total": 9}})

        told = await bob.next("progress")
        snapshot = await bob.ask({"t": "snapshot", "rid": 1, "s": str(stream)}, "snapshot")

    assert (told["s"], told["steps"]) == (str(stream), {"stage:web-1": {"done": 3, "total": 9}})
    assert snapshot["q"] == 1


async def test_a_ring_that_was_lost_is_healed_by_the_ticker(cast: Cast, connect: Connect, monkeypatch, settings):
    settings.HUB_TICK_S = 0.02
    monkeypatch.setattr("chatops.room.hub.ring", lambda *_: None)
    async with connect(cast.bob, cast.stream) as bob:
        await off_loop(_write, cast, "nobody rang", "c1")

        assert (await bob.event("message"))["d"]["text"] == "nobody rang"


async def test_a_ring_for_nothing_is_nothing(cast: Cast, connect: Connect, settings):
    settings.HUB_TICK_S = 60  # the ticker does not help
    async with connect(cast.bob, cast.stream) as bob:
        for _ in range(3):
            ring(cast.stream, 10**12)
        await off_loop(_write, cast, "real", "c1")

        assert (await bob.event("message"))["q"] == 1
    with pytest.raises(ValueError, match="no stream"):
        ring("nonsense", 1)


async def test_heads_are_told_with_every_heartbeat(cast: Cast, connect: Connect, settings):
    settings.HUB_TICK_S = settings.HEARTBEAT_S = 0.02
    await off_loop(_write, cast, "before", "c1")
    async with connect(cast.bob, cast.stream) as bob:
        (told,) = (await bob.next("head"))["streams"]

    assert (told["s"], told["head"]) == (str(cast.stream), 1)


async def test_a_restored_database_resets_every_stream(cast: Cast, connect: Connect, settings):
    settings.HUB_TICK_S = 0.02
    async with connect(cast.bob, cast.stream) as bob:
        await off_loop(Installation.objects.update, epoch="anew")

        assert (await bob.next("reset"))["reason"] == "epoch"


async def test_how_much_was_read_never_goes_back_nor_beyond(cast: Cast, connect: Connect):
    for n in (1, 2, 3):
        await off_loop(_write, cast, f"line {n}", f"c{n}")
    read = Membership.objects.filter(room=cast.room, person=cast.alice).values_list("read", flat=True)
    found = []
    async with connect(cast.alice) as alice:
        for q in (2, 1, 99):
            await alice.send({"t": "read", "room": cast.room.pk, "q": q})
            await alice.ask({"t": "range", "rid": q, "s": str(cast.stream), "after": 3}, "range")
            found.append(await off_loop(read.get))

    assert found == [2, 2, 3]


# --- presence -------------------------------------------------------------------------------------------------------


async def test_people_see_who_comes_looks_away_and_goes(cast: Cast, connect: Connect, settings):
    settings.PRESENCE_LINGER_S = 0.02
    async with connect(cast.alice, cast.stream) as alice:
        async with connect(cast.bob, cast.stream) as bob:
            await alice.next("presence", where=lambda frame: _states(frame) == {"bob": "here"})
            snapshot = await bob.ask({"t": "snapshot", "rid": 1, "s": str(cast.stream)}, "snapshot")
            await bob.send({"t": "presence", "visible": False})
            await alice.next("presence", where=lambda frame: _states(frame) == {"bob": "idle"})
        await alice.next("presence", where=lambda frame: _states(frame) == {"bob": "gone"})

    assert [person["name"] for person in snapshot["state"]["people"]] == ["alice", "bob"]


def _states(frame: dict[str, Any]) -> dict[str, str]:
    return {person["name"]: person["state"] for person in frame["people"]}


async def test_a_reload_is_not_a_going(cast: Cast, connect: Connect):
    async with connect(cast.alice, cast.stream) as alice:
        async with connect(cast.bob, cast.stream):
            await alice.next("presence", where=lambda frame: "bob" in _states(frame))
        async with connect(cast.bob, cast.stream) as bob:
            await bob.say(cast.room, "here I am")
            await alice.event("message")

            assert not any("bob" in _states(frame) for frame in alice.frames if frame["t"] == "presence")


async def test_typing_is_seen_and_stops_by_itself(cast: Cast, connect: Connect, settings):
    settings.TYPING_S = 0.05
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        await bob.send({"t": "typing", "room": cast.room.pk, "on": True})

        people = [(await alice.next("typing"))["people"] for _ in range(2)]

    assert people == [[{"id": cast.bob.pk, "name": "bob"}], []]


async def test_whoever_types_and_stops_all_the_time_is_told_of_now_and_then(cast: Cast, connect: Connect, settings):
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        for n in range(40):
            await alice.send({"t": "typing", "room": cast.room.pk, "on": n % 2 == 0})
        await alice.ask({"t": "ping", "n": 1}, "pong")
        await alice.send({"t": "typing", "room": cast.room.pk, "on": True})
        await bob.next("typing", where=lambda frame: bool(frame["people"]))
        await bob.say(cast.room, "I see")
        await bob.event("message")

    assert bob.left.count("typing") < 10


async def test_nobody_types_in_a_room_they_are_not_in(cast: Cast, connect: Connect):
    async with connect(cast.alice, cast.stream) as alice, connect(cast.dave) as dave:
        await dave.hello(cast.stream)
        await dave.send({"t": "typing", "room": cast.room.pk, "on": True})
        await dave.ask({"t": "range", "rid": 1, "s": f"person:{cast.dave.pk}", "after": 0}, "range")
        await alice.say(cast.room, "is anybody there?")
        await alice.event("message")

        assert "typing" not in alice.left


# --- rights that end ------------------------------------------------------------------------------------------------


async def test_signing_out_closes_every_socket_of_the_session_and_no_other(cast: Cast, connect: Connect, client):
    async with connect(cast.alice) as alice, connect(cast.alice) as elsewhere:
        await alice.hello()
        await elsewhere.hello()
        client.cookies["session"] = alice.key

        await off_loop(client.post, "/accounts/sign-out/")

        assert (await alice.next("bye"))["code"] == 4401
        assert await alice.closed() == 4401
        await elsewhere.ask({"t": "range", "rid": 1, "s": f"person:{cast.alice.pk}", "after": 0}, "range")


@pytest.mark.parametrize("how", ["session gone", "deactivated", "password changed"])
async def test_whoever_may_not_be_here_is_out_within_a_recheck(cast: Cast, connect: Connect, settings, how):
    settings.RECHECK_S = 0.02
    async with connect(cast.alice, cast.stream) as alice:
        await off_loop(_end, cast.alice, alice.key, how)

        assert await alice.closed() == 4401


@pytest.mark.parametrize("how", ["session gone", "deactivated", "password changed"])
async def test_the_very_next_frame_is_refused(cast: Cast, connect: Connect, how):
    async with connect(cast.alice, cast.stream) as alice:
        await off_loop(_end, cast.alice, alice.key, how)

        answer = await alice.say(cast.room, "/status")

        assert answer["code"] == "auth"
        assert await alice.closed() == 4401
    assert not await off_loop(Line.objects.exists)


def _end(person: Person, key: str, how: str) -> None:
    if how == "session gone":
        StoredSession.objects.filter(session_key=key).delete()
    elif how == "deactivated":
        Person.objects.filter(pk=person.pk).update(is_active=False)
    else:
        person.set_password("another horse")
        Person.objects.filter(pk=person.pk).update(password=person.password)  # no signal has everybody looked at


@pytest.mark.parametrize("how", ["deactivated", "removed"])
async def test_whoever_is_put_out_learns_it_at_once(cast: Cast, connect: Connect, settings, how):
    settings.RECHECK_S = 600
    async with connect(cast.bob, cast.stream) as bob:
        if how == "deactivated":
            await off_loop(factories.grant, cast.carol, "manager")  # somebody is left
            await off_loop(granting.deactivate, cast.bob, by=cast.carol)
            assert await bob.closed() == guests.SESSION_ENDED
        else:
            await off_loop(lambda: Membership.objects.get(person=cast.bob).delete())
            assert (await bob.next("reset"))["reason"] == "access"


def _leave_the_team(cast: Cast) -> None:
    Team.objects.get().people.remove(cast.dave)


def _end_the_team(cast: Cast) -> None:
    Team.objects.all().delete()


def _take_the_role(cast: Cast) -> None:
    Grant.objects.get(team__isnull=False).delete()


def _follow_no_more(cast: Cast) -> None:
    Room.objects.get(slug="lobby").apps.clear()


@pytest.mark.parametrize("take", [_leave_the_team, _end_the_team, _take_the_role, _follow_no_more])
async def test_what_a_team_or_a_room_shows_no_more_is_taken_from_who_follows_it_at_once(
    cast: Cast, connect: Connect, settings, take
):
    settings.RECHECK_S = 600

    def begin() -> Stream:
        deployment = deployments.request(cast.shop, "main", cast.staging, by=cast.alice, surface="web")
        if take is _follow_no_more:
            factories.room("lobby", members=(cast.dave,), apps=(cast.shop,))
        else:
            team = Team.objects.create(name="viewers")
            team.people.add(cast.dave)
            Grant.objects.create(team=team, role="viewer", app=cast.shop)
        return Stream("deployment", deployment.pk)

    stream = await off_loop(begin)
    async with connect(cast.dave, stream) as dave:
        await off_loop(take, cast)
        reset = await dave.next("reset")

    assert (reset["s"], reset["reason"]) == (str(stream), "access")


@pytest.mark.parametrize("by", ["hello", "sub"])
async def test_a_right_that_goes_while_one_begins_to_follow_is_not_believed(
    cast: Cast, connect: Connect, settings, monkeypatch, by
):
    settings.RECHECK_S = 600
    asked = {"hello": "visible", "sub": "require"}[by]
    ask = getattr(acts, asked)

    def answer_and_take(person, *what):
        answer = ask(person, *what)
        Membership.objects.filter(person=person).delete()
        return answer

    async with connect(cast.bob, f"person:{cast.bob.pk}") as bob:
        monkeypatch.setattr(acts, asked, answer_and_take)
        if by == "hello":
            assert (await bob.hello(cast.stream))["streams"] == []
        else:
            assert (await bob.ask({"t": "sub", "rid": 1, "s": str(cast.stream)}, "subbed"))["code"] == "not_found"
        reset = await bob.next("reset")
        assert hubs().get(cast.stream) is None

    assert (reset["s"], reset["reason"]) == (str(cast.stream), "access")


async def test_who_may_not_see_a_deployment_any_more_does_not_watch_it(cast: Cast, connect: Connect, settings):
    settings.RECHECK_S = 600
    deployment = await off_loop(deployments.request, cast.shop, "main", cast.staging, by=cast.alice, surface="web")
    stream = Stream("deployment", deployment.pk)
    async with connect(cast.alice, stream) as alice, connect(cast.bob, stream) as bob:
        await bob.send({"t": "watch", "deployment": deployment.pk})
        assert [person["name"] for person in (await alice.next("watching"))["people"]] == ["bob"]
        await off_loop(lambda: Membership.objects.get(person=cast.bob).delete())
        gone = await alice.next("watching")

    assert gone["people"] == []


async def test_a_removed_member_hears_no_more_of_the_room(cast: Cast, connect: Connect, settings):
    settings.RECHECK_S = 0.02
    async with connect(cast.bob, cast.stream) as bob:
        await off_loop(Membership.objects.filter(person=cast.bob).delete)
        reset = await bob.next("reset")
        await off_loop(_write, cast, "without bob", "c1", cast.alice)

        assert (reset["s"], reset["reason"]) == (str(cast.stream), "access")
        assert (await bob.say(cast.room, "hello?"))["code"] == "not_found"
        assert "message" not in bob.left
        assert hubs().get(cast.stream) is None


async def test_a_role_that_was_taken_away_is_gone_for_the_very_next_command(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        await off_loop(Grant.objects.all().delete)

        answer = await alice.say(cast.room, "/deploy shop to staging")

    assert (answer["result"], answer["d"]["reply"]["code"]) == ("error", "no_permission")


async def test_too_many_sockets_of_one_person_are_turned_away(cast: Cast, connect: Connect, settings):
    settings.SOCKETS_PER_PERSON = 2
    async with connect(cast.alice) as one, connect(cast.alice) as two:
        third = Client(one.key)
        assert await third.connect()
        assert await third.closed() == 4429
        await third.leave()

        for client in (one, two):
            assert (await client.say(cast.room, "still here"))["t"] == "ack"
        async with connect(cast.bob) as bob:
            await bob.hello()


async def test_a_restart_says_goodbye(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        guests.guests().end_all(1012)

        bye = await alice.next("bye")
        assert bye["code"] == 1012
        assert 0 <= bye["retry_ms"] <= 3000
        assert await alice.closed() == 1012


async def test_a_fault_of_ours_is_told_and_the_socket_lives(cast: Cast, connect: Connect, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chatops.room.acts.require", broken)
    async with connect(cast.alice) as alice:
        answer = await alice.ask({"t": "sub", "rid": 1, "s": str(cast.stream)}, "subbed")

        assert answer["code"] == "internal"
        assert (await alice.say(cast.room, "hello"))["t"] == "ack"
    assert "ZeroDivisionError" in caplog.text


async def test_two_answers_to_one_command_are_one(cast: Cast, connect: Connect, monkeypatch):
    """Two pages send the same line at the same moment, as after a reconnect."""
    ran = []

    def handle(_: object) -> Reply:
        ran.append(1)
        return Reply("whoami", {})

    monkeypatch.setattr(bot, "handle", handle)
    async with connect(cast.alice) as one, connect(cast.alice) as two:
        frame = {"t": "command", "cid": "c1", "room": cast.room.pk, "text": "/whoami"}
        answers = await asyncio.gather(one.ask(frame, "ack"), two.ask(frame, "ack"))

    assert len(ran) == 1
    assert sorted(answer.get("dup", False) for answer in answers) == [False, True]
    assert {answer["d"]["result"] for answer in answers} == {"done"}


def test_sessions_are_what_a_browser_has(cast: Cast):
    """The tests' own way to sign in is Django's."""
    assert StoredSession.objects.get(session_key=sign_in(cast.alice)).get_decoded()[SESSION_KEY] == str(cast.alice.pk)
    assert Room.objects.get().pk == cast.room.pk
    assert WAIT_S > 1
