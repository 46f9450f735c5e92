"""A person's own words for whole commands: looked up only when a line begins with no verb."""

from dataclasses import dataclass

from .grammar import clickable
from .invocation import Invocation
from .mistakes import Mistake
from .models import OwnAlias
from .normalise import first_line, normalise


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a word stands for, as it would be typed where it was."""

    word: str
    line: str


def expansion_of(mistake: Mistake, invocation: Invocation) -> Expansion | None:
    """The line that was meant, if the word that is no verb is one of the author's own; what stood behind it stays."""
    first, rest = first_line(invocation.text)
    if mistake.code != "unknown_command" or not mistake.span or rest:
        return None
    line = normalise(first, is_slack=invocation.surface == "slack")
    start, end = mistake.span
    own = OwnAlias.objects.filter(person=invocation.actor, word=line[start:end].lower()[:63]).first()
    if own is None or len(line[start:end]) > len(own.word):
        return None
    return Expansion(own.word, clickable(f"{own.line}{line[end:]}", invocation.surface))
