"""Talk over real sockets: messages that change, answers, calls, what is unread, finding, links that unfurl."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room import messages, people, search, unread
from chatops.room.models import Event, Line, Membership, Mention, Message, Room, Stream
from deploy_core import deployments
from deploy_core.errors import Refused
from deploy_core.ledger import log
from deploy_core.models import Duty, Person, Step
from tests import factories, queries
from tests.room.conftest import Cast, Client, Connect, off_loop


async def _edit(client: Client, room, message: int, text: str, cid: str = "e-1"):
    return await client.ask({"t": "message.edit", "cid": cid, "room": room.pk, "id": message, "text": text}, "ack")


async def _delete(client: Client, room, message: int, cid: str = "d-1"):
    return await client.ask({"t": "message.delete", "cid": cid, "room": room.pk, "id": message}, "ack")


async def test_an_edited_message_is_told_to_all_and_read_as_it_is_now(cast: Cast, connect: Connect) -> None:
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        said = await alice.say(cast.room, "ship at noon")
        message = said["d"]["message"]

        done = await _edit(alice, cast.room, message, "ship at one")
        told = await bob.event("message.edited")
        again = await _edit(alice, cast.room, message, "ship at one", cid="e-2")
        page = await bob.ask({"t": "range", "rid": "1", "s": str(cast.stream), "after": 0, "limit": 10}, "range")

    assert (done["result"], told["q"]) == ("edited", done["q"])
    assert told["d"] == {"id": message, "text": "ship at one"}
    assert again["q"] is None  # nothing was left to change, and nothing is told twice
    original, change = page["events"]
    assert (original["d"]["text"], "edited" in original["d"], change["k"]) == ("ship at one", True, "message.edited")


async def test_a_page_that_was_away_gets_the_change_from_its_cursor_on(cast: Cast, connect: Connect) -> None:
    async with connect(cast.alice, cast.stream) as alice:
        said = await alice.say(cast.room, "one")
        cursor = {"s": str(cast.stream), "e": (await alice.event("message"))["e"], "q": said["q"]}
        await _edit(alice, cast.room, said["d"]["message"], "two")
        await _delete(alice, cast.room, said["d"]["message"])
    async with connect(cast.bob) as bob:
        welcome = await bob.hello(resume=[cursor])
        page = await bob.ask({"t": "range", "rid": "1", "s": str(cast.stream), "after": cursor["q"]}, "range")

    assert welcome["streams"][0]["head"] == said["q"] + 2
    assert [event["k"] for event in page["events"]] == ["message.edited", "message.deleted"]
    assert page["events"][0]["d"]["text"] == ""  # taken back is taken back everywhere


async def test_nothing_is_left_of_what_an_edit_said_before_the_next_one(cast: Cast, connect: Connect) -> None:
    async with connect(cast.alice, cast.stream) as alice:
        message = (await alice.say(cast.room, "one"))["d"]["message"]
        await _edit(alice, cast.room, message, "the word is swordfish", cid="e-1")
        await _edit(alice, cast.room, message, "two", cid="e-2")
        page = await alice.ask({"t": "range", "rid": "1", "s": str(cast.stream), "after": 0, "limit": 10}, "range")

    assert [event["k"] for event in page["events"]] == ["message", "message.edited", "message.edited"]
    assert [event["d"]["text"] for event in page["events"]] == ["two", "two", "two"]


async def test_nothing_of_a_deleted_message_is_left(cast: Cast, connect: Connect) -> None:
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        said = await alice.say(cast.room, "the word is swordfish @bob")
        message = said["d"]["message"]
        frame = {"t": "message", "cid": "answer", "room": cast.room.pk, "text": "which?", "reply_to": message}
        await bob.ask(frame, "ack")
        await _edit(alice, cast.room, message, "the word is swordfish!")
        await _delete(alice, cast.room, message)
        await bob.event("message.deleted")

    left = await off_loop(
        lambda: (
            list(Event.objects.filter(stream_kind="room").values_list("payload", flat=True)),
            list(Message.objects.values_list("text", flat=True)),
            list(Line.objects.values_list("text", flat=True)),
            Mention.objects.count(),
        )
    )
    assert "swordfish" not in str(left)
    assert left[3] == 0


async def test_only_its_author_edits_a_message_and_a_manager_may_delete_it(cast: Cast, connect: Connect) -> None:
    await off_loop(Membership.objects.filter(person=cast.carol).update, is_manager=True)
    async with (
        connect(cast.alice, cast.stream) as alice,
        connect(cast.bob, cast.stream) as bob,
        connect(cast.carol, cast.stream) as carol,
    ):
        message = (await alice.say(cast.room, "mine"))["d"]["message"]

        edits = [(await _edit(client, cast.room, message, "theirs"))["code"] for client in (bob, carol)]
        refused = await _delete(bob, cast.room, message)
        done = await _delete(carol, cast.room, message)
        gone = await _edit(alice, cast.room, message, "again")

    assert edits == ["forbidden", "forbidden"]
    assert (refused["code"], done["result"], gone["code"]) == ("forbidden", "deleted", "not_found")


async def test_an_answer_quotes_what_it_answers_and_follows_its_changes(cast: Cast, connect: Connect) -> None:
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        said = await alice.say(cast.room, "who is on call?")
        frame = {"t": "message", "cid": "a1", "room": cast.room.pk, "text": "me", "reply_to": said["d"]["message"]}
        answered = await bob.ask(frame, "ack")
        told = await alice.next("event", where=lambda event: event.get("q") == answered["q"])
        await _edit(alice, cast.room, said["d"]["message"], "who was on call?")
        page = await bob.ask({"t": "range", "rid": "1", "s": str(cast.stream), "after": 0}, "range")
        lost = await bob.ask(frame | {"cid": "a2", "reply_to": 999_999}, "ack")

    quoted = {"id": said["d"]["message"], "q": said["q"], "by": "alice"}
    assert told["d"]["reply"] == quoted | {"text": "who is on call?"}
    assert page["events"][1]["d"]["reply"] == quoted | {"text": "who was on call?"}
    assert lost["result"] == "posted"  # what it answered is gone: the line is one as any other


def test_a_call_counts_for_those_it_calls(cast: Cast) -> None:
    Duty.objects.create(person=cast.carol, app=cast.shop, starts=timezone.now(), set_by=cast.bob)
    for number, text in enumerate(
        ("@bob look", "`@bob` is code", "see @Bob, @dave and @oncall.", "mail bob@bob.example")
    ):
        messages.post(author=cast.alice, room=cast.room, text=text, client_id=f"c{number}", surface="web")

    found = {person.username: unread.of(person).get(cast.room.pk) for person in (cast.alice, cast.bob, cast.carol)}

    assert found == {
        "alice": unread.Unread(0, 0),
        "bob": unread.Unread(4, 2),
        "carol": unread.Unread(4, 1),
    }
    assert not Mention.objects.filter(person=cast.dave).exists()  # he is not in the room


async def test_what_is_read_on_one_device_is_read_on_the_others(cast: Cast, connect: Connect) -> None:
    own = Stream("person", cast.bob.pk)
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as laptop:
        said = await alice.say(cast.room, "news")
        async with connect(cast.bob, own) as phone:
            await laptop.send({"t": "read", "room": cast.room.pk, "q": said["q"]})
            told = await phone.next("read")

    assert (told["room"], told["q"]) == (cast.room.pk, said["q"])
    assert (await off_loop(unread.of, cast.bob))[cast.room.pk] == unread.Unread(0, 0)


async def test_one_finds_only_what_was_said_in_ones_own_rooms(cast: Cast, connect: Connect) -> None:
    other = await off_loop(factories.room, "secret", members=(cast.alice,))
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        seen = await alice.say(cast.room, "数据库 migration tonight")
        await alice.say(other, "migration of the payroll")
        await bob.say(cast.room, "tonight I sleep")

        by_bob = await bob.ask({"t": "search", "rid": "1", "text": "MIGRATION"}, "found")
        two_words = await bob.ask({"t": "search", "rid": "2", "text": "tonight 数据库"}, "found")
        elsewhere = await bob.ask({"t": "search", "rid": "3", "text": "payroll", "room": other.pk}, "found")
        of_alice = await bob.ask({"t": "search", "rid": "4", "text": "from:alice tonight"}, "found")

    for answer in (by_bob, two_words, of_alice):
        assert [(item["q"], item["slug"], item["by"]) for item in answer["items"]] == [(seen["q"], "demo", "alice")]
    assert elsewhere["items"] == []


def test_a_search_looks_through_so_many_messages_and_goes_on_from_there(cast: Cast, settings) -> None:
    settings.SEARCH_ROWS = 3
    other = factories.room("other", members=(cast.alice,))
    for n in range(7):
        room, word = (other, "needle elsewhere") if n == 5 else (cast.room, "needle" if n in (0, 4) else "hay")
        messages.post(author=cast.alice, room=room, text=f"{word} {n}", client_id=f"c{n}", surface="web")

    found, before, looks = [], None, 0
    while looks == 0 or before is not None:
        answer = search.find(cast.bob, "needle", before=before)
        found += [item["text"] for item in answer["items"]]
        before, looks = answer["before"], looks + 1
        assert answer["more"] is (before is not None)

    assert (found, looks) == (["needle 4", "needle 0"], 3)  # twice three of his own room, and then nothing


async def test_links_unfurl_for_those_who_may_see_what_they_name(cast: Cast, connect: Connect) -> None:
    deployment = await off_loop(_with_a_log, cast)
    links = [
        {"deployment": deployment.pk},
        {"deployment": deployment.pk, "step": "build", "line": 2, "to": 3},
        {"deployment": deployment.pk, "step": "nothing", "line": 2},
        {"deployment": 999_999},
        {"deployment": "1"},
    ]
    async with connect(cast.carol, cast.stream) as carol, connect(cast.dave) as dave:
        await dave.hello()
        seen = await carol.ask({"t": "unfurl", "rid": "1", "links": links}, "unfurled")
        hidden = await dave.ask({"t": "unfurl", "rid": "1", "links": links}, "unfurled")

    whole, line, no_step, missing, bad = seen["items"]
    assert (whole["app"], whole["environment"], whole["log"]) == ("shop", "staging", None)
    assert [(n, text) for n, _, _, text in line["log"]["lines"]] == [(2, "ok"), (3, "slow")]
    assert (no_step["log"], missing, bad) == (None, None, None)
    assert hidden["items"] == [None] * 5


def _with_a_log(cast: Cast):
    deployment = deployments.request(cast.shop, "main", cast.staging, by=cast.alice, surface="web")
    step = Step.objects.get(deployment=deployment, key="build")
    with log.LogWriter(step.pk, deployment.epoch) as writer:
        for channel, text in (("m", "$ make"), ("o", "ok"), ("e", "slow")):
            writer.write(channel, text)
    return deployment


async def test_everybody_at_a_deployment_sees_who_else_watches(cast: Cast, connect: Connect) -> None:
    deployment = await off_loop(deployments.request, cast.shop, "main", cast.staging, by=cast.alice, surface="web")
    stream = Stream("deployment", deployment.pk)
    async with connect(cast.alice, cast.stream, stream) as alice:
        async with connect(cast.bob, cast.stream, stream) as bob:
            await bob.send({"t": "watch", "deployment": deployment.pk})
            here = await alice.next("watching")
        gone = await alice.next("watching")
        async with connect(cast.carol, cast.stream) as carol:
            await carol.send({"t": "watch", "deployment": deployment.pk})  # she does not follow it
            await carol.ask({"t": "sub", "rid": "1", "s": str(stream)}, "subbed")
            await asyncio.sleep(0)

    assert [person["name"] for person in here["people"]] == ["bob"]
    assert gone["people"] == []
    assert "watching" not in alice.left


def test_in_an_announcements_room_only_managers_write(cast: Cast) -> None:
    cast.room.is_announcements = True
    cast.room.save()
    Membership.objects.filter(person=cast.alice).update(is_manager=True)

    said = messages.post(author=cast.alice, room=cast.room, text="hello", client_id="1", surface="web")
    with pytest.raises(Refused, match="read_only"):
        messages.post(author=cast.bob, room=cast.room, text="hello", client_id="1", surface="web")

    assert said["result"] == "posted"


async def test_an_announcements_room_shows_no_command_and_no_edit_of_who_only_reads(
    cast: Cast, connect: Connect
) -> None:
    async with connect(cast.bob, cast.stream) as bob:
        said = await bob.say(cast.room, "hello")
        await Room.objects.filter(pk=cast.room.pk).aupdate(is_announcements=True)
        edited = await _edit(bob, cast.room, said["d"]["message"], "buy my boat")
        typed = await bob.ask({"t": "command", "cid": "c-1", "room": cast.room.pk, "text": "/announce boats"}, "ack")
        pressed = await bob.ask({"t": "command", "cid": "c-2", "room": cast.room.pk, "text": "/cancel #1"}, "ack")
        await Membership.objects.filter(person=cast.bob).aupdate(is_manager=True)
        managed = await bob.ask({"t": "command", "cid": "c-3", "room": cast.room.pk, "text": "/announce ships"}, "ack")

    assert [edited["code"], typed["code"]] == ["read_only", "read_only"]
    assert (pressed["t"], managed["result"]) == ("ack", "done")
    assert not await Message.objects.filter(text__contains="boat").aexists()


def test_what_is_not_typed_on_its_page_works_in_an_announcements_room(cast: Cast) -> None:
    cast.room.is_announcements = True
    cast.room.save()

    done = [
        messages.post(author=cast.bob, room=cast.room, text="/announce ships", client_id=surface, surface=surface)
        for surface in ("web", "slack")
    ]

    assert [each["result"] for each in done] == ["done", "done"]


async def test_the_level_of_a_room_is_told_to_all_pages_of_the_person(cast: Cast, connect: Connect) -> None:
    own = Stream("person", cast.bob.pk)
    async with connect(cast.bob, cast.stream) as one, connect(cast.bob, own) as two:
        done = await one.ask({"t": "level", "rid": "1", "room": cast.room.pk, "level": "nothing"}, "alerts")
        told = await two.event("alerts")
        wrong = await one.ask({"t": "level", "rid": "2", "room": cast.room.pk, "level": "loud"}, "alerts")

    assert done["levels"] == {str(cast.room.pk): "nothing"} == told["d"]["levels"]
    assert wrong["code"] == "not_found"


async def test_own_commands_are_there_for_the_next_device(cast: Cast, connect: Connect) -> None:
    async with connect(cast.bob, cast.stream) as bob, connect(cast.carol, cast.stream) as carol:
        for text in ("/status", "hello", "/apps"):
            await bob.say(cast.room, text)
        own = await bob.ask({"t": "lines", "rid": "1", "room": cast.room.pk}, "lines")
        others = await carol.ask({"t": "lines", "rid": "1", "room": cast.room.pk}, "lines")

    assert (own["lines"], others["lines"]) == (["/status", "/apps"], [])


def test_rooms_are_opened_joined_left_and_kept_by_their_managers(cast: Cast) -> None:
    made = people.create(cast.dave, Room(slug="ops", is_closed=True), [])
    with pytest.raises(Refused, match="not_found"):
        people.join(cast.bob, "ops")
    people.invite(cast.dave, made, "@Bob")
    Person.objects.create_user("robot", kind=Person.Kind.SERVICE)
    with pytest.raises(Refused, match="unknown_person"):
        people.invite(cast.dave, made, "robot")
    with pytest.raises(Refused, match="forbidden"):
        people.invite(cast.bob, made, "carol")
    with pytest.raises(Refused, match="last_room_manager"):
        people.remove(cast.dave, made, cast.dave.pk)
    people.change(cast.dave, made, topic="Ship", is_closed=False, is_announcements=False)
    people.join(cast.carol, "ops")
    people.remove(cast.dave, made, cast.bob.pk)
    people.promote(cast.dave, made, cast.carol.pk, is_manager=True)
    people.remove(cast.dave, made, cast.dave.pk)

    told = Event.objects.filter(stream_kind="room", stream_id=made.pk).order_by("number")
    assert [event.kind for event in told] == [
        "member.joined", "member.joined", "topic.changed", "room.changed",
        "member.joined", "member.left", "member.left",
    ]  # fmt: skip
    assert set(made.members.values_list("username", flat=True)) == {"carol"}


def test_a_room_that_shows_an_app_is_opened_only_by_who_manages_it(cast: Cast) -> None:
    Membership.objects.filter(person=cast.bob).update(is_manager=True)
    cast.room.is_closed = True
    cast.room.save()

    with pytest.raises(Refused, match="opens_apps"):
        people.change(cast.bob, cast.room, topic="", is_closed=False, is_announcements=False)

    factories.grant(cast.bob, "manager", app=cast.shop)
    people.change(cast.bob, cast.room, topic="", is_closed=False, is_announcements=False)
    assert not cast.room.is_closed


def test_who_joins_has_read_what_was_said_before(cast: Cast) -> None:
    messages.post(author=cast.alice, room=cast.room, text="long ago", client_id="1", surface="web")

    people.join(cast.dave, "demo")
    messages.post(author=cast.alice, room=cast.room, text="welcome", client_id="2", surface="web")

    assert unread.of(cast.dave)[cast.room.pk].messages == 1


def test_duties_end(cast: Cast) -> None:
    now = timezone.now()
    Duty.objects.create(person=cast.bob, app=None, starts=now - timedelta(hours=2), ends=now - timedelta(hours=1))
    messages.post(author=cast.alice, room=cast.room, text="@oncall?", client_id="1", surface="web")

    assert not Mention.objects.exists()


def test_a_manager_has_the_room_follow_apps_of_their_own_and_leaves_others_alone(cast: Cast) -> None:
    Membership.objects.filter(person=cast.bob).update(is_manager=True)
    api = factories.app("api")
    factories.grant(cast.bob, "manager", app=api)

    people.follow(cast.bob, cast.room, ["api", "shop", "nothing"])
    assert set(cast.room.apps.values_list("name", flat=True)) == {"shop", "api"}
    people.follow(cast.bob, cast.room, [])

    assert set(cast.room.apps.values_list("name", flat=True)) == {"shop"}
    with pytest.raises(Refused, match="forbidden"):
        people.follow(cast.carol, cast.room, [])


def test_nobody_is_looked_for_by_a_name_that_no_database_holds(cast: Cast, client) -> None:
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    with queries.values() as values:
        answer = client.post(f"/rooms/{cast.room.slug}/settings/", {"act": "invite", "name": "nobo\0dy"})

    assert answer.status_code == 400
    assert not [value for value in values if "\0" in value]


def test_a_form_that_was_refused_keeps_what_was_typed_and_chosen(cast: Cast, client) -> None:
    """A room's apps, and a room's topic, are not given twice."""
    factories.grant(cast.alice, "manager", app=cast.shop)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/rooms/", {"slug": "ops", "topic": "Watch", "is_closed": "on"})

    again = client.post("/rooms/", {"slug": "ops", "apps": ["shop"]}).content.decode()
    long = client.post("/rooms/ops/settings/", {"act": "change", "topic": "x" * 201, "apps": ["shop"]}).content.decode()

    assert 'value="shop" checked' in again
    assert 'value="shop" checked' in long
    assert "x" * 201 in long
    assert 'name="is_closed" checked' not in long


def test_the_pages_of_rooms_work_without_script(cast: Cast, client) -> None:
    factories.grant(cast.alice, "manager", app=cast.shop)
    client.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    made = client.post("/rooms/", {"slug": "ops", "topic": "Watch", "is_closed": "on", "apps": ["shop"]})
    again = client.post("/rooms/", {"slug": "ops"})
    wrong = client.post("/rooms/", {"slug": "No Room"})
    page = "/rooms/ops/settings/"
    for act in (
        {"act": "invite", "name": "bob"},
        {"act": "promote", "person": cast.bob.pk},
        {"act": "level", "level": "all"},
        {"act": "change", "topic": "Look", "apps": ["shop"]},
        {"act": "invite", "name": "nobody"},
        {"act": "remove", "person": "x"},
    ):
        client.post(page, act)
    shown = client.get(page).content.decode()
    left = client.post(page, {"act": "leave"})

    room = Room.objects.get(slug="ops")
    assert (made["Location"], again.status_code, wrong.status_code) == ("/rooms/ops/", 400, 400)
    assert (room.topic, room.is_closed, room.default_app) == ("Look", False, cast.shop)
    assert "bob" in shown
    assert left["Location"] == "/rooms/"
    assert list(room.members.all()) == [cast.bob]
    assert client.get(page).status_code == 404  # open, but not one's own any more
    assert client.post("/rooms/ops/join/")["Location"] == "/rooms/ops/"
    assert client.post("/rooms/none/join/")["Location"] == "/rooms/"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"t": "message.edit", "cid": "x", "id": 1}, "bad_frame"),
        ({"t": "message.edit", "cid": "x", "id": "1", "text": "a"}, "bad_frame"),
        ({"t": "message.edit", "cid": "x", "id": 999_999, "text": "a"}, "not_found"),
        ({"t": "message.edit", "cid": "x", "id": 1, "text": "a\u0000b"}, "bad_text"),
        ({"t": "message.edit", "cid": "x", "id": 1, "text": "x" * 8001}, "too_long"),
        ({"t": "message.delete", "cid": "x", "id": 999_999}, "not_found"),
        ({"t": "message.delete", "cid": "x", "id": 1, "room": 999_999}, "not_found"),
        ({"t": "search", "rid": "x", "text": "a\u0000b"}, "bad_text"),
        ({"t": "search", "rid": "x", "text": 5}, "bad_frame"),
        ({"t": "unfurl", "rid": "x", "links": "all"}, "bad_frame"),
        ({"t": "unfurl", "rid": "x", "links": [1] * 21}, "bad_frame"),
        ({"t": "level", "rid": "x", "level": "loud"}, "not_found"),
        ({"t": "lines", "rid": "x", "room": 999_999}, "not_found"),
    ],
)
async def test_a_wrong_frame_of_talk_is_refused_and_the_line_stays(
    cast: Cast, connect: Connect, frame: dict, code: str
) -> None:
    async with connect(cast.alice, cast.stream) as alice:
        refused = await alice.ask({"room": cast.room.pk, **frame}, "ack", "found", "unfurled", "alerts", "lines")
        still = await alice.say(cast.room, "still here")

    assert refused["code"] == code
    assert still["result"] == "posted"


async def test_edits_count_as_lines(cast: Cast, connect: Connect, settings) -> None:
    settings.SEND_RATE = 2
    async with connect(cast.alice, cast.stream) as alice:
        message = (await alice.say(cast.room, "one"))["d"]["message"]
        first = await _edit(alice, cast.room, message, "two", cid="e1")
        second = await _edit(alice, cast.room, message, "three", cid="e2")

    assert first["result"] == "edited"
    assert second["code"] == "rate_limited"
