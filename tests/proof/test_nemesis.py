"""The set test: people write and read while the web process is killed and lines are cut; nothing acknowledged is lost.

After Jepsen's set workload. Every acknowledged line is read by everybody, once, in the same order, without a hole;
a line that was sent again under its client id is there at most once. A part of
`make soak`: twenty kills; the seed is fixed, and told when it fails.
"""

import json
import os
import random
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.room.serving import Serving
from tests.services.openssh import free_port

SEED = int(os.environ.get("SHIPROOM_SEED", "20"))
KILLS = int(os.environ.get("SHIPROOM_KILLS", "20"))
#: What may go wrong with a line whose other end is killed.
GONE = (OSError, WebSocketException, TimeoutError, EOFError)


class Page(threading.Thread, ABC):
    """One end of a socket that comes back whenever it is cut, until `over`."""

    def __init__(self, server: Serving, person: str, over: threading.Event, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.server, self.person, self.over = server, person, over
        self.stream = f"room:{server.room}"
        self.chance = random.Random(f"{SEED}{name}")
        self.failed: BaseException | None = None

    @contextmanager
    def open(self) -> Iterator[ClientConnection]:
        headers = {"Cookie": f"session={self.server.keys[self.person]}"}
        address = f"{self.server.url.replace('http', 'ws', 1)}/rt/ws"
        with connect(
            address, origin=self.server.url, additional_headers=headers, proxy=None, compression=None, max_size=None,
            open_timeout=20, close_timeout=1,
        ) as line:  # fmt: skip
            line.send(json.dumps({"t": "hello", "v": 1, "want": [self.stream], "resume": []}))
            yield line

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with self.open() as line:
                    self.live(line)
            except GONE:
                self.over.wait(self.chance.uniform(0.05, 0.3))
            except BaseException as error:
                self.failed = error
                return

    @abstractmethod
    def live(self, line: ClientConnection) -> None:
        """What this one does on its line until that ends."""


class Writer(Page):
    """Sends one line after the other, the same one again until it is acknowledged."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.acked: list[str] = []

    def live(self, line: ClientConnection) -> None:
        while not self.over.is_set():
            text = f"{self.name} {len(self.acked)}"
            line.send(
                json.dumps({"t": "message", "cid": text.replace(" ", "-"), "room": self.server.room, "text": text})
            )
            frame = self._answer(line, text.replace(" ", "-"))
            if frame["t"] == "ack":
                self.acked.append(text)
            time.sleep(0.02 if frame["t"] == "ack" else frame.get("retry_after_ms", 100) / 1000)

    def _answer(self, line: ClientConnection, cid: str) -> dict:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            frame = json.loads(line.recv(timeout=20))
            if frame["t"] in ("ack", "err") and frame.get("cid") == cid:
                return frame
        raise TimeoutError


class Reader(Page):
    """Reads on from the number it has, and cuts its own line now and then."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.number = 0
        self.read: list[tuple[int, str]] = []

    def take(self, event: dict) -> None:
        assert event["q"] == self.number + 1, f"{event['q']} after {self.number}"
        self.number = event["q"]
        if event["k"] == "message":
            self.read.append((event["q"], event["d"]["text"]))

    def catch_up(self, line: ClientConnection) -> None:
        """Fetch what is missing, as a page does that sees a gap."""
        line.send(json.dumps({"t": "range", "rid": "r", "s": self.stream, "after": self.number, "limit": 200}))

    def live(self, line: ClientConnection) -> None:
        cut_at = time.monotonic() + self.chance.uniform(0.5, 4)
        self.catch_up(line)
        while not self.over.is_set() and time.monotonic() < cut_at:
            try:
                frame = json.loads(line.recv(timeout=0.5))
            except TimeoutError:
                self.catch_up(line)
                continue
            self.hear(line, frame)

    def hear(self, line: ClientConnection, frame: dict) -> bool:
        """Take what a frame brings; whether it was the last piece of a range."""
        if frame["t"] == "event" and frame["s"] == self.stream:
            if frame["q"] == self.number + 1:
                self.take(frame)
            elif frame["q"] > self.number:
                self.catch_up(line)
        elif frame["t"] == "range":
            for event in frame["events"]:
                if event["q"] > self.number:
                    self.take(event)
            if frame.get("more"):
                self.catch_up(line)
            return not frame.get("more")
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path / "var", SHIPROOM_SEND_RATE="1000", SHIPROOM_ASK_RATE="5000", SHIPROOM_LOG_LEVEL="WARNING")
    made.seed()
    port = str(free_port())
    made.start("--port", port)
    made.port = port  # type: ignore[attr-defined]
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(20)


def test_what_was_acknowledged_is_read_by_all_once_in_order_whoever_is_killed(server: Serving):
    over, chance = threading.Event(), random.Random(SEED)
    writers = [Writer(server, person, over, f"writer {person}") for person in ("alice", "bob")]
    readers = [Reader(server, person, over, f"reader {person} {n}") for n, person in enumerate(("alice", "bob", "bob"))]
    for each in (*writers, *readers):
        each.start()

    for _ in range(KILLS):
        before = sum(len(each.acked) for each in writers)
        time.sleep(chance.uniform(0.3, 1.5))
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(20)
        server.start("--port", server.port)  # type: ignore[attr-defined]
        deadline = time.monotonic() + 60
        while sum(len(each.acked) for each in writers) <= before and time.monotonic() < deadline:
            time.sleep(0.05)
    over.set()
    for each in (*writers, *readers):
        each.join(60)

    told = f"seed {SEED}"
    assert [each.failed for each in (*writers, *readers) if each.failed] == [], told
    acked = {text for each in writers for text in each.acked}
    assert len(acked) > 2 * KILLS, told
    for reader in readers:
        with reader.open() as line:
            reader.catch_up(line)
            while not reader.hear(line, json.loads(line.recv(timeout=20))):
                pass
        texts = [text for _, text in reader.read]
        assert acked <= set(texts), (told, reader.name, sorted(acked - set(texts))[:5])
        assert len(texts) == len(set(texts)), (told, reader.name)
    assert readers[0].read == readers[1].read == readers[2].read, told
