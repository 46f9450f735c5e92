"""Bytes of a program's output into lines a person can read, and the end of what it said."""

import codecs
import re

from .masking import Masker

#: A longer line is cut, at a character.
LINE_LIMIT = 8_000
TAIL_BYTES = 64 * 1024

#: Colours and "erase the line": they mean nothing in a log, and their rest would be noise.
_STYLE = re.compile(r"\x1b\[[0-9;]*[mK]")
#: Other control characters are shown as their pictures: none reaches a terminal, no NUL reaches Postgres.
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10, 13)} | {127: 0x2421}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def readable(line: str) -> str:
    """`line` without styles, and with control characters as pictures (`␛`)."""
    if not _CONTROL.search(line):
        return line
    return _STYLE.sub("", line).translate(_PICTURES)


class Output:
    """One output stream of one program: masks, splits into lines, and remembers the end.

    `\\n`, `\\r\\n` and a lone `\\r` (a progress bar) end a line. Invalid UTF-8 becomes U+FFFD.
    """

    def __init__(self, mask: Masker) -> None:
        self.size_bytes = 0
        self._mask = mask.stream()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._tail = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        self.size_bytes += len(data)
        return self._take(self._decoder.decode(self._mask.feed(data)), is_last=False)

    def close(self) -> list[str]:
        """The last line, if it had no end."""
        return self._take(self._decoder.decode(self._mask.close(), final=True), is_last=True)

    @property
    def tail(self) -> str:
        """The last 64 KB of what was said, as text."""
        return self._tail[-TAIL_BYTES:]

    def _take(self, text: str, *, is_last: bool) -> list[str]:
        self._tail += text
        if len(self._tail) > 2 * TAIL_BYTES:
            self._tail = self._tail[-TAIL_BYTES:]
        text = self._pending + text
        # A `\r` at the very end may be half of a `\r\n`.
        half = "\r" if text.endswith("\r") and not is_last else ""
        lines = text[: len(text) - len(half)].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._pending = lines.pop() + half
        if is_last and self._pending:
            lines.append(self._pending)
            self._pending = ""
        while len(self._pending) > LINE_LIMIT:
            lines.append(self._pending[:LINE_LIMIT])
            self._pending = self._pending[LINE_LIMIT:]
        if len(text) > LINE_LIMIT:
            lines = [piece for line in lines for piece in _pieces(line)]
        return list(map(readable, lines)) if _CONTROL.search(text) else lines


def _pieces(line: str) -> list[str]:
    return [line[at : at + LINE_LIMIT] for at in range(0, len(line), LINE_LIMIT)] or [""]
