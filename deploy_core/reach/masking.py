"""Secrets do not pass: a masker for text and for byte streams that are cut anywhere."""

import base64
import json
import re
import shlex
import urllib.parse
from collections.abc import Collection, Iterable

MASK = b"[MASKED]"

#: A shorter secret would mask half of every log; `variants` of a longer one are also at least this long.
LEAST = 6
#: Where base64 may be broken: `base64` breaks after 76 characters, others after 64, of a text that began anywhere.
_BREAK = rb"(?:\r?\n)?"
_BREAK_BYTES = 2
#: So few characters of base64, at the end of a line, are nothing to wait for.
_SHORT = 16


class Masker:
    """Replaces secrets, as they are and as programs like to print them (JSON, URL, shell, base64), by `[MASKED]`."""

    def __init__(self, secrets: Iterable[str | bytes] = ()) -> None:
        known = [secret for secret in secrets if len(_raw(secret)) >= LEAST]
        self._patterns = {v for secret in known for v in variants(secret) if len(v) >= LEAST}
        self._broken = {v for secret in known for v in in_base64(secret)}
        forms = {v: re.escape(v) for v in self._patterns}
        forms |= {v: _BREAK.join(re.escape(v[at : at + 1]) for at in range(len(v))) for v in self._broken}
        longest_first = sorted(forms, key=len, reverse=True)
        self._regex = re.compile(b"|".join(forms[v] for v in longest_first)) if forms else None

    def text(self, text: str) -> str:
        """`text` with every secret masked; for a whole line or message, not for pieces of one."""
        if self._regex is None:
            return text
        return self._regex.sub(MASK, text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def stream(self) -> "Stream":
        """A masker of one byte stream that arrives in pieces."""
        return Stream(self._regex, self._patterns, self._broken)


class Stream:
    """Holds back the longest end of what it saw that may be the beginning of a secret, and nothing more.

    Of base64 that may go on in the next line, a few characters at the end of a line are shown: somebody may wait for
    that line before saying more. They are remembered, so that the rest is masked all the same.
    """

    def __init__(self, regex: re.Pattern[bytes] | None, patterns: Collection[bytes], broken: Collection[bytes]) -> None:
        self._regex = regex
        self._patterns = patterns
        self._broken = broken
        self._reach = (1 + _BREAK_BYTES) * max(map(len, broken), default=0)
        self._shown = b""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown now."""
        if self._regex is None:
            return data
        data = self._shown + self._held + data
        begun, is_short = self._beginning_of_broken(data)
        cut = min((_beginning(data, pattern) for pattern in self._patterns), default=len(data))
        return self._show(data, max(len(self._shown), cut if is_short else min(cut, begun)), begun)

    def close(self) -> bytes:
        """The rest."""
        data = self._shown + self._held
        return self._show(data, len(data), len(data)) if self._regex else data

    def _show(self, data: bytes, cut: int, begun: int) -> bytes:
        """`data` to `cut`, less what was shown before; from `begun` on, something may go on in the next line."""
        assert self._regex is not None  # noqa: S101  (without one, nothing is held back)
        shown, at = [], len(self._shown)
        for match in self._regex.finditer(data):
            if match.start() >= cut:
                break
            if match.end() <= at:
                continue
            # A secret that ends in what is held back: the beginning of another one is part of this one.
            cut = max(cut, match.end())
            shown += [data[at : match.start()], MASK]
            at = match.end()
        shown.append(data[at:cut])
        self._shown, self._held = data[max(begun, at) : cut], data[cut:]
        return b"".join(shown)

    def _beginning_of_broken(self, data: bytes) -> tuple[int, bool]:
        """As `_beginning`, of all that may be broken into lines; and whether that is but a few characters of a line."""
        start = max(0, len(data) - self._reach)
        whole = data[start:].translate(None, b"\r\n")
        first = min((_beginning(whole, pattern) for pattern in self._broken), default=len(whole))
        if first == len(whole):
            return len(data), False
        where = [at for at in range(start, len(data)) if data[at] not in b"\r\n"]
        return where[first], data.endswith(b"\n") and len(whole) - first < _SHORT


def _beginning(data: bytes, pattern: bytes) -> int:
    """Where the longest end of `data` starts that `pattern` begins with, but is longer than; else the end of `data`."""
    at = data.find(pattern[:1], max(0, len(data) - len(pattern) + 1))
    while at != -1:
        if pattern.startswith(data[at:]):
            return at
        at = data.find(pattern[:1], at + 1)
    return len(data)


def variants(secret: str | bytes) -> set[bytes]:
    """The forms in which `secret` shows up in output: each line of it, and quoted."""
    raw = _raw(secret)
    text = raw.decode("utf-8", "surrogateescape")
    forms = {
        raw,
        raw.strip(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"),
        urllib.parse.quote(raw, safe="").encode(),
        urllib.parse.quote_plus(raw).encode(),
        shlex.quote(text).encode("utf-8", "surrogateescape"),
    }
    forms.update(line.strip() for line in raw.splitlines())
    return {form for form in forms if form}


def in_base64(secret: str | bytes) -> set[bytes]:
    """`secret` in base64, wherever in the encoded text it begins; programs break that into lines."""
    raw = _raw(secret)
    return {core for form in (raw, raw + b"\n") for offset in range(3) for core in _base64_core(form, offset)}


def _raw(secret: str | bytes) -> bytes:
    return secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret


def _base64_core(raw: bytes, offset: int) -> Iterable[bytes]:
    """The characters that only `raw` decides when it stands `offset` bytes after a multiple of three."""
    encoded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
    shares_its_last = (offset + len(raw)) % 3 != 0
    core = encoded[(0, 2, 3)[offset] : len(encoded) - shares_its_last]
    if len(core) < 8:
        return ()
    return (core, core.replace(b"+", b"-").replace(b"/", b"_"))
