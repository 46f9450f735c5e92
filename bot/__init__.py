"""The bot: text in, reply out. It knows no transport, does no git and no SSH; `invocation.py` has the values.

Models are imported when a function is first called: Django imports this package before its tables exist.
"""

from typing import TYPE_CHECKING, Any

from .grammar import hear
from .leaks import mask
from .mistakes import Mistake

if TYPE_CHECKING:
    from .invocation import Invocation, Reply

__all__ = ["complete", "handle", "is_command", "mask", "said"]


def is_command(text: str, surface: str = "web") -> bool:
    """Whether a line is for the bot: also when it is mistyped, or holds a secret; everything else is chat."""
    if mask(text).kinds:
        return True
    try:
        return hear(text, surface) is not None
    except Mistake:
        return True


def said(text: str) -> str:
    """A chat line as it is shown: `//shrug` says `/shrug`."""
    return text[1:] if text.startswith("//") else text


def handle(invocation: "Invocation") -> "Reply":
    """The bot's answer to a line; see `dispatcher.handle`."""
    from .dispatcher import handle as answer

    return answer(invocation)


def complete(invocation: "Invocation", text: str, caret: int) -> dict[str, Any]:
    """What may stand at `caret`; see `completion.complete`."""
    from .completion import complete as completed

    return completed(invocation, text, caret)
