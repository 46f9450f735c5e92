"""One command's words while its syntax takes them apart. Pure.

A `Sentence` is consumed from its ends: the free text behind `because` or `|`, then options, then `at 22:00` and the
one-time code, until only the target is left (`targets.py`).
"""

import re
from typing import Any

from . import words
from .mistakes import Mistake
from .names import Context, too_long
from .verbs import Verb
from .words import Word, left_over

REASON_LIMIT = 500
PARAMS_LIMIT = 2000
#: More digits than any number of a deployment has; a longer one is refused before it becomes an int.
ID_DIGITS = 100

_TAIL = re.compile(r"(?<= )(?:(?P<because>because|--reason)(?:=| |\Z)|\|)", re.IGNORECASE)
_BECAUSE = re.compile(r"(?<= )(?P<because>because|--reason)(?:=| |\Z)", re.IGNORECASE)
_COLON = re.compile(r":(?!(?<=\d:)\d)")
_ID = re.compile(r"#?(\d+)", re.ASCII)
_OTP = re.compile(r"\d{6}|[cbdefghijklnrtuv]{32,64}", re.IGNORECASE | re.ASCII)
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = re.compile(rf"{_CLOCK}|{_DAY}(?:T{_CLOCK}(?::[0-5]\d)?(?:Z|[+-]\d\d:?\d\d)?)?", re.IGNORECASE | re.ASCII)
_AT = re.compile(rf"{_CLOCK}|{_DAY}T{_CLOCK}(?::[0-5]\d)?(?:Z|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII)
DURATION = re.compile(r"(?:\d{1,4}[wdhms])+", re.IGNORECASE | re.ASCII)


class Sentence:
    """`line[start:end]` is what stands behind the verb and is not yet understood; `fields` is what is."""

    def __init__(self, line: str, start: int, verb: Verb, spelling: str, context: Context, default_app: str) -> None:
        self.line = line
        self.start = start
        self.end = len(line)
        self.verb = verb
        self.spelling = spelling
        self.context = context
        self.default_app = default_app
        self.fields: dict[str, Any] = {}
        self.words: list[Word] = []

    @property
    def by_prefix(self) -> bool:
        return self.verb.is_read_only

    def take_reason(self, *, after_colon: bool = False, with_params: bool = False) -> None:
        """Take `because …`, `--reason …`, `: …` and `| …`; nothing looks into what stands behind the first of them."""
        tail = (_TAIL if with_params else _BECAUSE).search(self.line, self.start, self.end)
        colon = _COLON.search(self.line, self.start, tail.start() if tail else self.end) if after_colon else None
        if colon:
            self._cut(colon.start(), "reason", colon.end(), REASON_LIMIT)
        elif tail and tail["because"]:
            self._cut_reason(tail)
        elif tail:
            because = _BECAUSE.search(self.line, tail.end(), self.end)
            if because:
                self._cut_reason(because)
            self._cut(tail.start(), "params", tail.end(), PARAMS_LIMIT)

    def _cut_reason(self, match: re.Match[str]) -> None:
        if not self.line[match.end() : self.end].strip():
            raise Mistake("syntax", span=match.span(), at=match["because"], problem="reason_empty")
        self._cut(match.start(), "reason", match.end(), REASON_LIMIT)

    def _cut(self, cut: int, name: str, start: int, limit: int) -> None:
        text = self.line[start : self.end].strip()
        if len(text) > limit:
            raise too_long(text, name, limit, None)
        if text:
            self.fields[name] = text
        self.end = cut

    def split(self, *flags: str, values: tuple[str, ...] = ()) -> None:
        """Cut the rest into words and take the options out of them; one given twice is left over."""
        self.words = []
        rest = iter(words.split(self.line, self.start, self.end))
        for word in rest:
            name, _, value = word.key.partition("=")
            if name in flags and not value:
                self._once(word, name, True)
            elif name in values:
                given = word.text[len(name) + 1 :] if value else getattr(next(rest, None), "text", "")
                if not given:
                    raise left_over(word)
                self._once(word, name, given)
            else:
                self.words.append(word)

    def _once(self, word: Word, name: str, value: str | bool) -> None:
        if name in self.fields:
            raise left_over(word)
        self.fields[name] = value

    def option(self, *names: str) -> Any:
        """The value of the first of these options that was given, which leaves the fields; None without one."""
        given = [self.fields.pop(name) for name in names if name in self.fields]
        return given[0] if given else None

    def take_force(self) -> None:
        """`--force`, or `!` as the last character of the target."""
        forced = bool(self.option("--force"))
        if self.words and not self.words[-1].is_quoted and len(self.words[-1].text) > 1:
            last = self.words[-1]
            if last.text.endswith("!"):
                self.words[-1] = Word(last.text[:-1], last.start, last.end - 1)
                forced = True
        if forced:
            self.fields["force"] = True

    def drop_question_mark(self) -> None:
        """A question may end as one; no name does."""
        if self.words and self.words[-1].text.endswith("?"):
            last = self.words.pop()
            if last.text.strip("?"):
                self.words.append(Word(last.text.rstrip("?"), last.start, last.end, last.is_quoted))

    def take_otp(self) -> None:
        if len(self.words) > 1 and _OTP.fullmatch(self.words[-1].text):
            self.fields["otp"] = self.words.pop().text

    def take_when(self) -> None:
        """`at 22:00`, `at 2026-12-01T22:00` or `after 30m` as the last two words."""
        if len(self.words) < 3 or not self.words[-2].is_any("at", "after"):
            return
        keyword, value = self.words[-2], self.words[-1]
        if not (_AT if keyword.key == "at" else DURATION).fullmatch(value.text):
            raise left_over(value, problem="time_wrong")
        self.fields["when"] = f"{keyword.key} {value.text}"
        self.words = self.words[:-2]

    def take_pair(self, keyword: str, name: str, pattern: re.Pattern[str] | None = None) -> None:
        """`keyword VALUE` as the last two words, into the field `name`; a duration unless told otherwise."""
        if len(self.words) < 2 or not self.words[-2].is_any(keyword):
            return
        value = self.words[-1]
        if not (pattern or DURATION).fullmatch(value.text):
            raise left_over(value, problem="time_wrong")
        self.fields[name] = value.text
        self.words = self.words[:-2]

    def take_span(self) -> None:
        """`for 2h`, `until T` or `from T until T`."""
        self.take_pair("for", "for")
        self.take_pair("until", "until", _TIME)
        if "until" in self.fields:
            self.take_pair("from", "from", _TIME)

    def take_last(self) -> None:
        """`last 10` as the last two words."""
        if len(self.words) > 1 and self.words[-2].is_any("last"):
            self.fields["limit"] = count(self.words[-1])
            self.words = self.words[:-2]

    def take_word(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next word, taken from a text that is not cut into words, if all of it is `pattern`."""
        end = self.line.find(" ", self.start, self.end)
        end = self.end if end < 0 else end
        match = pattern.fullmatch(self.line, self.start, end)
        if match:
            self.start = min(end + 1, self.end)
        return match

    def take_id(self) -> bool:
        """`#42` (or `42`) as the next word."""
        match = self.take_word(_ID)
        if match:
            self._keep_id(match)
        return bool(match)

    def take_id_word(self) -> bool:
        """`#42` (or `42`) as the first of the words that are left, wherever the options stood."""
        match = _ID.fullmatch(self.words[0].text) if self.words else None
        if match:
            self._keep_id(match)
            self.words = self.words[1:]
        return bool(match)

    def _keep_id(self, match: re.Match[str]) -> None:
        digits = match[1].lstrip("0") or "0"
        if len(digits) > ID_DIGITS:
            raise too_long(match[0], "id", ID_DIGITS, match.span())
        self.fields["id"] = int(digits)

    def take_leading_otp(self) -> None:
        match = self.take_word(_OTP)
        if match:
            self.fields["otp"] = match[0]

    def take_text(self, name: str, *, limit: int = REASON_LIMIT) -> None:
        """All that is left of the line, as it stands."""
        self._cut(self.start, name, self.start, limit)

    def done(self) -> None:
        """Refuse what is left over."""
        if self.words:
            raise left_over(self.words[0])


def count(word: Word) -> int:
    """A positive number of at most six digits."""
    if not (word.text.isascii() and word.text.isdigit() and len(word.text) < 7 and int(word.text)):
        raise left_over(word)
    return int(word.text)
