"""How the grammar refuses a line, and how an odd text is shown without doing harm. Pure."""

import unicodedata
from typing import Any

from deploy_core.errors import Refused

_SHOWN = 80


class Mistake(Refused):
    """A line that was not understood: code and parameters, with the names that were probably meant.

    `span` is where in the line the trouble stands, so that a corrected line can be offered; `instead` is such a
    line where replacing one word is not enough.
    """

    def __init__(
        self,
        code: str,
        *,
        span: tuple[int, int] | None = None,
        near: list[str] | None = None,
        instead: str = "",
        **params: object,
    ) -> None:
        super().__init__(code)
        self.params = params
        self.span = span
        self.near = near
        self.instead = instead
        #: What was understood before the trouble, by the names of `Parsed`'s fields.
        self.understood: dict[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        """The shape of tests/cases/phrases.tsv: `error`, its parameters, `suggest` where names may be near."""
        answer: dict[str, Any] = {"error": self.code, **self.params}
        answer.pop("problem", None)
        if self.code == "syntax":
            if self.near:
                answer["suggest"] = self.near[0]
        elif self.near is not None:
            answer["suggest"] = self.near
        return answer


def printable(text: str, limit: int = _SHOWN) -> str:
    """`text` safe to echo: controls, direction marks and other invisible characters as `U+202E`, cut at `limit`."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in shown)


def character_name(character: str) -> str:
    """A character as a person can look it up: itself when it is ASCII, else `U+0440 CYRILLIC SMALL LETTER ER`."""
    if character.isascii() and character.isprintable():
        return character
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
