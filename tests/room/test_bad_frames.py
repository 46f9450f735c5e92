"""Rows of tests/cases/bad_inputs.tsv, area chat-frame: answered as they say, and the socket's neighbours live."""

import csv
import json
import re
from pathlib import Path

import pytest

from chatops.room.models import Message
from tests.room.conftest import Cast, Connect, off_loop

CASES = Path(__file__).parent.parent / "cases" / "bad_inputs.tsv"
_REPEAT = re.compile(r"\{(.)\*(\d+)\}")


def _rows():
    with CASES.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] == "chat-frame"]
    # A room id is filled in; the types that this version does not have are unknown to it.
    frames = [(given.removeprefix("text: "), expected) for _, given, expected in rows if given.startswith("text: ")]
    return [row for row in frames if row[0].startswith(("hello", "(empty)", "[", "{"))]


def _frame(given: str, room: int) -> str:
    if given == "(empty)":
        return ""
    return _REPEAT.sub(lambda match: match[1] * int(match[2]), given).replace('"room":1', f'"room":{room}')


@pytest.mark.parametrize(("given", "expected"), _rows())
async def test_a_bad_frame_is_answered_as_the_case_says(cast: Cast, connect: Connect, caplog, given, expected):
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        await alice.next("presence")
        await alice.send(_frame(given, cast.room.pk))

        answer = await alice.next("err", "ack")

        if code := re.search(r"REFUSE (\w+)", expected):
            assert answer.get("code") in (code[1], *(["too_large"] if "CLOSE" in expected else []))
            assert await off_loop(Message.objects.count) == 0
        elif "extra fields" in expected:
            assert answer["result"] == "posted"
        else:  # types of other versions: `history`, `resume`
            assert answer["code"] == "unknown_type"
        if answer.get("code") == "too_large":
            assert await alice.closed() == 1009
        else:
            assert (await alice.say(cast.room, "still here"))["result"] == "posted"
            assert (await bob.event("message"))["by"]["name"] == "alice"
    assert "Traceback" not in caplog.text


async def test_an_unknown_type_is_named_and_cut(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        answer = await alice.ask({"t": "x" * 500, "rid": 1})

    assert (answer["code"], answer["type"]) == ("unknown_type", "x" * 40)


async def test_the_length_that_is_allowed_is_told(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        answer = await alice.say(cast.room, "x" * 8001)

    assert (answer["code"], answer["limit"]) == ("too_long", 8000)


async def test_the_third_frame_that_is_none_ends_the_connection(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        for text in ("hello", "[]", "{}"):
            await alice.send(text)

        assert [(await alice.next("err"))["code"] for _ in range(3)] == ["bad_frame"] * 3
        assert await alice.closed() == 4400


async def test_a_binary_frame_is_none(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        await alice.socket.send_to(bytes_data=b"\x00\x01\x02")

        assert (await alice.next("err"))["code"] == "bad_frame"


async def test_a_frame_that_is_too_large_closes_its_socket_alone(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice, connect(cast.bob) as bob:
        await alice.send(json.dumps({"t": "message", "cid": "c1", "room": cast.room.pk, "text": "x" * 65_537}))

        assert (await alice.next("err"))["code"] == "too_large"
        assert await alice.closed() == 1009
        assert (await bob.say(cast.room, "hello"))["t"] == "ack"


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"t": "message", "room": 1, "text": "hi"}, "cid"),
        ({"t": "message", "room": 1, "text": "hi", "cid": ""}, "cid"),
        ({"t": "message", "room": 1, "text": "hi", "cid": "x" * 65}, "cid"),
        ({"t": "message", "room": 1, "text": "hi", "cid": "a b"}, "cid"),
        ({"t": "message", "room": "1", "text": "hi", "cid": "c"}, "room"),
        ({"t": "message", "room": True, "text": "hi", "cid": "c"}, "room"),
        ({"t": "message", "room": -1, "text": "hi", "cid": "c"}, "room"),
        ({"t": "message", "room": 10**30, "text": "hi", "cid": "c"}, "room"),
        ({"t": "message", "room": 1.0, "text": "hi", "cid": "c"}, "room"),
        ({"t": "message", "room": 1, "text": ["hi"], "cid": "c"}, "text"),
        ({"t": "range", "s": "room:1", "after": "all"}, "after"),
        ({"t": "hello", "v": 1, "want": "room:1"}, "want"),
        ({"t": "hello", "v": 1, "want": ["room:1"] * 201}, "want"),
        ({"t": "hello", "v": 1, "resume": [{"s": "room:1", "e": 1, "q": 1}]}, "e"),
        ({"t": "presence", "visible": 1}, "visible"),
    ],
)
async def test_a_field_of_another_kind_is_named(cast: Cast, connect: Connect, frame, field):
    async with connect(cast.alice) as alice:
        await alice.send(frame)

        answer = await alice.next("err")

    assert (answer["code"], answer["field"]) == ("bad_frame", field)


@pytest.mark.parametrize("text", ['{"t":"ping","n":NaN}', '{"t":"ping","n":Infinity}', '{"t":"ping"', '"ping"'])
async def test_what_is_nearly_json_is_no_frame(cast: Cast, connect: Connect, text):
    async with connect(cast.alice) as alice:
        await alice.send(text)

        assert (await alice.next("err"))["code"] == "bad_frame"


async def test_an_answer_carries_no_rid_that_was_not_fit_to_be_one(cast: Cast, connect: Connect):
    async with connect(cast.alice) as alice:
        for rid in ("x" * 65, "\ud800", {"a": 1}, [1], None, True):
            await alice.send({"t": "nope", "rid": rid})
            assert "rid" not in await alice.next("err")
