"""What may stand behind the verbs about one's own things, and help. Pure."""

import re

from bot.mistakes import Mistake, printable
from bot.sentence import DURATION, Sentence
from bot.suggest import near
from bot.targets import take_target
from bot.verbs import BY_WORD

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_WORD = re.compile(r"[^ ]+")


def watch(s: Sentence) -> None:
    s.split()
    take_target(s, app_needed=True)


def mute(s: Sentence) -> None:
    s.split()
    s.take_pair("for", "for")
    if "for" not in s.fields and s.words and DURATION.fullmatch(s.words[-1].text):
        s.fields["for"] = s.words.pop().text
    take_target(s, app_needed=True)


def alias(s: Sentence) -> None:
    name, equals, line = s.line[s.start : s.end].partition("=")
    name = name.strip()
    if name.lower() in BY_WORD:
        raise Mistake("reserved", near=[], given=printable(name))
    word, _, rest = name.partition(" ")
    if not equals and rest and _NAME.fullmatch(word):
        raise Mistake("syntax", instead=f"alias {word} = {rest}", at=printable(name))
    if not _NAME.fullmatch(name) or not equals or not line.strip():
        raise Mistake("syntax", at=printable(name or s.line[s.start : s.end]))
    s.fields["name"] = name.lower()
    s.start = s.end - len(line)
    s.take_text("line")


def unalias(s: Sentence) -> None:
    s.split()
    if not s.words:
        raise Mistake("text_required")
    s.fields["name"] = s.words.pop(0).text.lower()
    s.done()


def help(s: Sentence) -> None:
    s.split()
    if s.words:
        word = s.words.pop(0)
        verb = BY_WORD.get(word.key.lstrip("/.!"))
        if not verb:
            raise Mistake("unknown_command", span=word.span, near=near(word.text, BY_WORD), given=printable(word.text))
        s.fields["topic"] = verb.name
    s.done()


def plain(s: Sentence) -> None:
    """No words at all."""
    s.split()
    s.done()
