"""A line cut into words that know where they stood. Pure, linear."""

import re
from dataclasses import dataclass

from .mistakes import Mistake, printable

#: No command is longer; a line with more words is refused before anybody counts them.
MOST_WORDS = 48
_WORD = re.compile(r'"([^"]*)"(?= |\Z)|[^ ]+')


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes, and its place in the line. A quoted word is never a keyword."""

    text: str
    start: int
    end: int
    is_quoted: bool = False

    @property
    def key(self) -> str:
        """The word as a keyword or option: lower case; empty when it was quoted."""
        return "" if self.is_quoted or not self.text.isascii() else self.text.lower()

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end

    def is_any(self, *keywords: str) -> bool:
        return self.key in keywords


def split(line: str, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of `line[start:end]`.

    Raises:
        Mistake: `syntax`, a quote that is not closed or too many words.
    """
    words: list[Word] = []
    for match in _WORD.finditer(line, start, len(line) if end is None else end):
        text, inside = match.group(), match.group(1)
        if inside is not None:
            word = Word(inside, match.start(), match.end(), is_quoted=True)
        elif text.startswith('"'):
            raise Mistake("syntax", span=match.span(), at=printable(text), problem="quote_not_closed")
        elif len(text) > 2 and text[0] == text[-1] and text[0] in "`'":
            word = Word(text[1:-1], match.start(), match.end(), is_quoted=True)
        else:
            word = Word(text, match.start(), match.end())
        if len(words) == MOST_WORDS:
            raise Mistake("syntax", span=word.span, at=printable(word.text))
        words.append(word)
    return words


def left_over(word: Word, *, keyword: str = "", instead: str = "", **params: object) -> Mistake:
    """The refusal of a word that fits nowhere; `keyword` is what it was probably meant to be."""
    near = [keyword] if keyword else None
    return Mistake("syntax", span=word.span, near=near, instead=instead, at=printable(word.text), **params)
