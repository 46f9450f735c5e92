"""What may stand behind `oncall`. Pure."""

import re

from bot.mistakes import Mistake
from bot.sentence import Sentence
from bot.targets import take_target

_NAME = re.compile(r"@([A-Za-z0-9][A-Za-z0-9._-]{0,149})")


def oncall(s: Sentence) -> None:
    """Nothing, or an app: who is. `me`, `@name` or `end` before it: who will be."""
    s.split()
    s.take_span()
    first = s.words[0] if s.words else None
    if first and (named := _NAME.fullmatch(first.text)):
        s.fields["action"], s.fields["name"] = "give", named[1]
    elif first and first.is_any("me") and not s.context.app("me"):
        s.fields["action"] = "take"
    elif first and first.is_any("end") and not s.context.app("end"):
        s.fields["action"] = "end"
    if "action" in s.fields:
        s.words = s.words[1:]
    for name in ("for", "until", "from"):
        if name in s.fields and s.fields.get("action") not in ("give", "take"):
            raise Mistake("syntax", at=name)
    take_target(s)
