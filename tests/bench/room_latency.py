"""From a line sent to a line seen, over real sockets on loopback: `python -m tests.bench.room_latency`.

One person writes, others (and the writer's second window) follow. Printed: how long until the writer has the answer
that the line is stored, and how long until the last follower has it.
"""

import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.services import shiproom
from tests.services.shiproom import Shiproom

FOLLOWERS, LINES, PER_SECOND = 9, 40, 8


async def _open(room: Shiproom, person: str, stream: str) -> ClientConnection:
    cookies = "; ".join(f"{name}={value}" for name, value in room.cookies(person).items())
    socket = await connect(
        room.url.replace("http", "ws", 1) + "/rt/ws",
        origin=room.url,
        additional_headers={"Cookie": cookies},
        proxy=None,
    )
    hello = {"t": "hello", "v": 1, "client": "bench", "tab": str(uuid.uuid4()), "lang": "en", "resume": []}
    await socket.send(json.dumps(hello | {"want": [stream]}))
    await _receive(socket, "welcome")
    return socket


async def _receive(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if frame["t"] in kinds:
            return frame


async def _arrivals(socket: ClientConnection, seen: dict[str, float]) -> None:
    """Note when each line arrived, by its client id, until all have."""
    while len(seen) < LINES:
        frame = await _receive(socket, "event")
        if frame.get("k") == "message" and frame.get("cid"):
            seen.setdefault(frame["cid"], time.perf_counter())


async def _measure(room: Shiproom) -> tuple[list[float], list[float]]:
    number = room.rows("SELECT id FROM room_room WHERE slug = 'demo'")[0][0]
    followers = [await _open(room, ("bob", "carol", "alice")[n % 3], f"room:{number}") for n in range(FOLLOWERS)]
    writer = await _open(room, "alice", f"room:{number}")
    seen: list[dict[str, float]] = [{} for _ in followers]
    readers = [asyncio.create_task(_arrivals(s, times)) for s, times in zip(followers, seen, strict=True)]
    sent: dict[str, float] = {}
    stored = []
    for n in range(LINES):
        cid = str(uuid.uuid4())
        sent[cid] = time.perf_counter()
        await writer.send(json.dumps({"t": "message", "cid": cid, "room": number, "text": f"line {n}"}))
        while (frame := await _receive(writer, "ack", "err")).get("cid") != cid:
            pass
        if frame["t"] == "err":
            raise SystemExit(f"refused: {frame}")
        stored.append(time.perf_counter() - sent[cid])
        await asyncio.sleep(max(0, 1 / PER_SECOND - stored[-1]))
    await asyncio.wait_for(asyncio.gather(*readers), 30)
    for socket in (writer, *followers):
        await socket.close()
    return stored, [max(times[cid] for times in seen) - began for cid, began in sent.items()]


def _row(name: str, times: Sequence[float]) -> str:
    ordered = sorted(t * 1000 for t in times)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{name:<22} {statistics.median(ordered):>8.1f} {last:>8.1f}"


def main() -> int:
    with shiproom.running(SHIPROOM_SEND_RATE="1000") as room:
        stored, delivered = asyncio.run(_measure(room))
    print(f"{f'{FOLLOWERS} followers':<22} {'p50 ms':>8} {'p99 ms':>8}")
    print(_row("stored (ack)", stored))
    print(_row("seen by the last", delivered))
    return 0


if __name__ == "__main__":
    sys.exit(main())
