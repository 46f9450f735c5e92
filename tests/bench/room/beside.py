"""What the tables have no place for: how many lines one process stores, and 4,000 long polls parked in one.

`python -m tests.bench.room.beside` in the environment of an `Ours` prints lines stored per second.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.room.ours import HOME, Ours

PARKED = 4000
#: A person has at most so many requests open.
PER_PERSON = 8
LINES, UNDER_WAY = 4000, 500
TOKEN = "b" * 32


def stored_per_s(ours: Ours) -> int:
    """Lines of chat that one process commits in a second, when there are always more waiting."""
    argv = [sys.executable, "-m", "tests.bench.room.beside", str(ours.cookies), ours.room]
    done = subprocess.run(argv, cwd=HOME, env=ours.environment, check=True, capture_output=True, text=True)
    return round(LINES / float(done.stdout))


async def _store(cookies: list[str], room: int) -> float:
    from chatops.room import door, pool
    from chatops.room.acts import Said
    from chatops.room.hub import hubs
    from chatops.room.postbox import postbox

    people = [await pool.run(door.identify, cookie.partition("=")[2]) for cookie in cookies]
    most = asyncio.Semaphore(UNDER_WAY)

    async def say(n: int) -> None:
        by = people[n % len(people)]
        assert by is not None
        async with most:
            await postbox().post(Said(by, room, f"line {n} {'x' * 100}", secrets.token_hex(8), None))

    began = time.perf_counter()
    await asyncio.gather(*(say(n) for n in range(LINES)))
    took_s = time.perf_counter() - began
    await hubs().close()
    return took_s


async def parked(ours: Ours, pid: int) -> dict[str, Any]:
    """4,000 polls that wait in one process: what each takes, and when all have a line that was just written."""
    host, port = "127.0.0.1", int(ours.origin.rsplit(":", 1)[1])
    cookies = ours.cookies.read_text().split()
    stream = f"room:{ours.room}"

    def request(path: str, cookie: str, question: dict[str, Any]) -> bytes:
        body = json.dumps(question).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {ours.origin}\r\nX-CSRFToken: {TOKEN}\r\n"
            f"Cookie: {cookie}; csrf={TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(size))

    before_kb = _resident_kb(pid)
    times: list[float] = []
    began = 0.0

    async def wait(n: int) -> None:
        """Ask, and ask again when it was only told who came, until the line is there."""
        reader, writer = await asyncio.open_connection(host, port)
        while True:
            writer.write(request("/rt/poll", cookies[n // PER_PERSON], {"conn": "x", "want": [stream]}))
            status, told = await answer(reader)
            if status != 200:
                raise SystemExit(f"a poll was answered {status}: {told}")
            if any(frame.get("k") == "message" for frame in told["frames"]):
                break
        times.append(time.perf_counter() - began)
        writer.close()

    waiting = []
    for n in range(PARKED):
        waiting.append(asyncio.create_task(wait(n)))
        if n % 50 == 49:
            await asyncio.sleep(0.1)
    await asyncio.sleep(5)
    kb = (_resident_kb(pid) - before_kb) / PARKED
    _, writer = await asyncio.open_connection(host, port)
    said = {"t": "message", "cid": secrets.token_hex(8), "room": int(ours.room), "text": "to all who wait"}
    began = time.perf_counter()
    writer.write(request("/rt/send", cookies[-1], {"frames": [said]}))
    await asyncio.wait_for(asyncio.gather(*waiting), 60)
    ordered = sorted(times)
    return {
        "parked": PARKED,
        "answered": len(times),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000),
        "last_ms": round(ordered[-1] * 1000),
        "kb_per_poll": round(kb, 1),
    }


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatops.settings")
    import django

    django.setup()
    print(asyncio.run(_store(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]))))
