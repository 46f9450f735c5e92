"""The protocol over a socket: two people in a room."""

from chatops.room.models import Line, Message
from tests.room.conftest import Cast, Connect, off_loop


async def test_a_line_reaches_everybody_in_the_room(cast: Cast, connect: Connect):
    async with connect(cast.alice, cast.stream) as alice, connect(cast.bob, cast.stream) as bob:
        ack = await alice.say(cast.room, "hello there", cid="c1")

        seen = [await client.event("message") for client in (alice, bob)]

    assert ack["result"] == "posted"
    assert seen[0] == seen[1]
    assert seen[0]["d"] == {"id": ack["d"]["message"], "text": "hello there"}
    assert (seen[0]["q"], seen[0]["cid"], seen[0]["by"]["name"]) == (ack["q"], "c1", "alice")
