"""A step's output as numbered lines, stored while the step runs."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, Self

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F

from deploy_core import errors
from deploy_core.models import LogChunk, Step, sequence

from .journal import Fenced, ring

#: o: what the command printed, e: what it printed as errors, m: our own words.
Stream = Literal["o", "e", "m"]
Line = tuple[int, int, str, str]

CHUNK_BYTES = 16_384
#: A writer that is so far ahead of the database waits.
WAITING_BYTES = 262_144
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
    """Collects a step's lines from any thread; the thread that made it stores them.

    Lines wait at most `LOG_FLUSH_S` as long as that thread calls `flush_if_due`, and leaving the block stores the
    rest. A writer that is far ahead of the database waits for it, so memory is bounded however much is printed.
    """

    def __init__(self, step_id: int, epoch: int, mask: Callable[[str], str] = str) -> None:
        self.step_id = step_id
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.last_line: int
        self._epoch = epoch
        self._mask = mask
        self._owner = threading.get_ident()
        self._waiting: list[str] = []
        self._waiting_bytes = 0
        #: What was stored within a transaction that has not ended yet; None outside of one.
        self._unsure: list[str] | None = None
        self._due = float("inf")
        self._is_open = True
        self._room = threading.Condition()
        self._stored_bytes, self.last_line = Step.objects.values_list("log_bytes", "log_lines").get(pk=step_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            self.close()

    def close(self) -> None:
        """Take nothing more; what still waits is not stored."""
        with self._room:
            self._is_open = False
            self._room.notify_all()

    def write(self, stream: Stream, text: str) -> None:
        """Add the lines of `text`.

        Raises:
            errors.OutputLimit: the step's log is full (`LOG_LIMIT_BYTES`); what was there before stays.
        """
        stamp = int(time.time() * 1000)
        for line in self._mask(text).split("\n"):
            shown = harmless(line.removesuffix("\r"))
            for start in range(0, len(shown) or 1, LINE_CHARS):
                self._add(stamp, stream, shown[start : start + LINE_CHARS])

    def _add(self, stamp: int, stream: Stream, shown: str) -> None:
        line = f"{stamp} {stream} {shown}"
        size = len(line.encode()) + 1
        with self._room:
            self._wait_for_room()
            if stream != "m":
                if self._stored_bytes + self._waiting_bytes + size > settings.LOG_LIMIT_BYTES:
                    raise errors.OutputLimit(limit_bytes=settings.LOG_LIMIT_BYTES)
                self.tail.append(shown)
            if not self._waiting:
                self._due = time.monotonic() + settings.LOG_FLUSH_S
            self._waiting.append(line)
            self._waiting_bytes += size
        if threading.get_ident() == self._owner:
            self.flush_if_due()

    def _wait_for_room(self) -> None:
        while self._is_open and self._waiting_bytes > WAITING_BYTES:
            if threading.get_ident() == self._owner:
                self.flush()
            else:
                self._room.wait()

    def is_due(self) -> bool:
        """Whether it is time to store what waits, or there is much of it."""
        return time.monotonic() >= self._due or self._waiting_bytes > WAITING_BYTES // 2

    def flush_if_due(self) -> None:
        """Store what waits, if it is time."""
        if self.is_due():
            self.flush()

    def begin(self) -> None:
        """A transaction begins in which `flush` is called. Begun again before `commit`, it came to nothing: what was
        stored in it waits once more."""
        with self._room:
            self._put_back(self._unsure or [])
            self._unsure = []

    def commit(self) -> None:
        """The transaction has ended well."""
        self._unsure = None

    def _put_back(self, lines: list[str]) -> None:
        size = sum(len(line.encode()) + 1 for line in lines)
        self._waiting[:0] = lines
        self._waiting_bytes += size
        self._stored_bytes -= size

    def flush(self) -> None:
        """Store what waits.

        Raises:
            Fenced: another worker holds the deployment.
        """
        with self._room:
            waiting, size = self._waiting, self._waiting_bytes
            self._waiting, self._waiting_bytes, self._due = [], 0, float("inf")
            self._stored_bytes += size
            self._room.notify_all()
        try:
            if waiting:
                self._store(waiting, size)
        except OperationalError:  # the database is away or busy: the lines stay for the next time
            with self._room:
                self._put_back(waiting)
            raise
        if self._unsure is not None:
            self._unsure += waiting

    def _store(self, waiting: list[str], size: int) -> None:
        with transaction.atomic(savepoint=False):
            mine = Step.objects.filter(pk=self.step_id, deployment__epoch=self._epoch)
            if not mine.update(log_lines=F("log_lines") + len(waiting), log_bytes=F("log_bytes") + size):
                raise Fenced(f"log of step {self.step_id} is past epoch {self._epoch}")
            first = sequence.take("log", self.step_id, len(waiting))
            chunks = []
            for chunk in in_chunks(waiting):
                chunks.append(LogChunk(step_id=self.step_id, first_line=first, count=len(chunk), text="\n".join(chunk)))
                first += len(chunk)
            LogChunk.objects.bulk_create(chunks)
            self.last_line = first - 1
            ring(f"log:{self.step_id}", self.last_line)


def in_chunks(waiting: list[str]) -> Iterator[list[str]]:
    """`waiting` cut into runs of whole lines of at most `CHUNK_BYTES` each."""
    chunk: list[str] = []
    size = 0
    for line in waiting:
        more = len(line.encode()) + 1
        if chunk and size + more > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += more
    yield chunk


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


class Found(NamedTuple):
    """How many lines hold a text, and the first of them."""

    total: int
    lines: list[Line]


def find(step_id: int, text: str, limit: int = 1000) -> Found:
    """The lines of a step's whole log that hold `text`, whatever its case and its colours."""
    wanted = text.lower()
    count = 0
    found: list[Line] = []
    if not wanted:
        return Found(0, [])
    for first, chunk in LogChunk.objects.filter(step_id=step_id).values_list("first_line", "text").iterator():
        for number, row in enumerate(chunk.split("\n"), first):
            line = _line(number, row)
            if wanted in _COLOUR.sub("", line[3]).lower():
                count += 1
                if len(found) < limit:
                    found.append(line)
    return Found(count, found)


def last_line_by(step_id: int, ms: int) -> int:
    """The number of the last line that was printed by `ms` (milliseconds since 1970), 0 when there is none.

    Lines are taken to be in the order of their times; where a clock went back, what follows counts as not earlier.
    """
    chunks = LogChunk.objects.filter(step_id=step_id)
    firsts = list(chunks.values_list("first_line", flat=True))
    low, high = 0, len(firsts)  # the chunk that begins last by then is firsts[low - 1]
    while low < high:
        middle = (low + high) // 2
        text = chunks.values_list("text", flat=True).get(first_line=firsts[middle])
        if _line(firsts[middle], text.partition("\n")[0])[1] <= ms:
            low = middle + 1
        else:
            high = middle
    if not low:
        return 0
    first = firsts[low - 1]
    stamps = [
        _line(number, row)[1]
        for number, row in enumerate(chunks.values_list("text", flat=True).get(first_line=first).split("\n"), first)
    ]
    return first - 1 + next((at for at, stamp in enumerate(stamps) if stamp > ms), len(stamps))


def _line(number: int, text: str) -> Line:
    stamp, stream, words = text.split(" ", 2)
    return number, int(stamp), stream, words
