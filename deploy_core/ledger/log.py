"""A step's output as numbered lines, stored while the step runs."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, Self

from django.conf import settings
from django.db import transaction
from django.db.models import F

from deploy_core import errors
from deploy_core.models import LogChunk, Step, sequence

from .journal import Fenced, ring

#: o: what the command printed, e: what it printed as errors, m: our own words.
Stream = Literal["o", "e", "m"]
Line = tuple[int, int, str, str]

CHUNK_BYTES = 16_384
#: A longer line goes on in the next one: frames and pages carry no text above 8,000 characters.
LINE_CHARS = 4_000
#: How many last lines a failed step shows beside its reason.
TAIL_LINES = 5

# Colour and weight (ECMA-48 SGR) stay; whatever else could move a cursor or ring a bell is shown as text.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def harmless(text: str) -> str:
    """`text` with control characters other than colours spelled out, fit for every database and page."""
    pieces = []
    end = 0
    for colour in _COLOUR.finditer(text):
        pieces += [_spell(text[end : colour.start()]), colour.group()]
        end = colour.end()
    return "".join([*pieces, _spell(text[end:])])


def _spell(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


class LogWriter:
    """Collects lines and stores them at the latest `LOG_FLUSH_S` after the first, or when 16 KB are there.

    `write` may be called from any thread. Somebody has to call `flush_if_due` while nothing is written
    (whoever polls for a cancel does); `close` stores what is left.
    """

    def __init__(self, step_id: int, epoch: int, mask: Callable[[str], str] = str) -> None:
        self._step_id = step_id
        self._epoch = epoch
        self._mask = mask
        self._waiting: list[str] = []
        self._waiting_bytes = 0
        self._due = float("inf")
        self._guard = threading.Lock()
        self._stored_bytes: int = Step.objects.values_list("log_bytes", flat=True).get(pk=step_id)
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def write(self, stream: Stream, text: str) -> None:
        """Add the lines of `text`.

        Raises:
            errors.OutputLimit: the step's log is full (`LOG_LIMIT_BYTES`); what was there before is stored.
            Fenced: another worker holds the deployment.
        """
        stamp = int(time.time() * 1000)
        for line in self._mask(text).split("\n"):
            shown = harmless(line.removesuffix("\r"))
            for start in range(0, len(shown) or 1, LINE_CHARS):
                self._add(f"{stamp} {stream} {shown[start : start + LINE_CHARS]}", stream)

    def _add(self, line: str, stream: Stream) -> None:
        size = len(line.encode()) + 1
        with self._guard:
            if self._stored_bytes + self._waiting_bytes + size > settings.LOG_LIMIT_BYTES and stream != "m":
                self._flush()
                raise errors.OutputLimit(limit_bytes=settings.LOG_LIMIT_BYTES)
            if self._waiting_bytes + size > CHUNK_BYTES:
                self._flush()
            if not self._waiting:
                self._due = time.monotonic() + settings.LOG_FLUSH_S
            self._waiting.append(line)
            self._waiting_bytes += size
            if stream != "m":
                self.tail.append(line.split(" ", 2)[2])
            if time.monotonic() >= self._due:
                self._flush()

    def flush_if_due(self) -> None:
        """Store what waits, if its time has come."""
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        with self._guard:
            self._flush()

    def _flush(self) -> None:
        lines, size = self._waiting, self._waiting_bytes
        self._waiting, self._waiting_bytes, self._due = [], 0, float("inf")
        if not lines:
            return
        with transaction.atomic():
            mine = Step.objects.filter(pk=self._step_id, deployment__epoch=self._epoch)
            if not mine.update(log_lines=F("log_lines") + len(lines), log_bytes=F("log_bytes") + size):
                raise Fenced(f"log of step {self._step_id} is past epoch {self._epoch}")
            first = sequence.take("log", self._step_id, len(lines))
            LogChunk.objects.create(step_id=self._step_id, first_line=first, count=len(lines), text="\n".join(lines))
            ring(f"log:{self._step_id}", first + len(lines) - 1)
        self._stored_bytes += size


def lines(step_id: int, after: int = 0, limit: int = 1000) -> list[Line]:
    """At most `limit` lines that follow line number `after`: (number, ms since 1970, stream, text)."""
    chunks = LogChunk.objects.filter(step_id=step_id)
    begin = (
        chunks.filter(first_line__lte=after + 1).order_by("-first_line").values_list("first_line", flat=True).first()
    )
    wanted = chunks.filter(first_line__gte=begin or 0, first_line__lte=after + limit).order_by("first_line")
    found = [
        _line(number, text)
        for chunk in wanted
        for number, text in enumerate(chunk.text.split("\n"), chunk.first_line)
        if after < number <= after + limit
    ]
    return found


def _line(number: int, text: str) -> Line:
    stamp, stream, words = text.split(" ", 2)
    return number, int(stamp), stream, words
