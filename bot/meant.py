"""What a refused line probably meant, where no single name is near: the same line without what keyboards, phones and
manners add to it. Pure; nothing of it is ever run unless a person presses it.
"""

import re
import unicodedata
from collections.abc import Iterator

#: A longer line is no slip of the hand.
_LONGEST = 400
#: What input methods put where these were meant.
_MARKS = str.maketrans({"\u3001": "/", "\u3002": ".", "\uff1d": "=", "\uff5e": "~"})
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe0e\ufe0f\ufeff]")
_ARROW = re.compile(r"(?<= )(?:-+>|=+>|[\u2192\u21d2\u2794\u279c]|\u5230)(?= )")
_LAST_DASH = re.compile(r" -+ *\Z")
_POLITE = ("please", "pls", "plz", "thanks", "thank", "you", "thx", "kindly", "\u8bf7", "\u8c22\u8c22")
_MANNERS = frozenset((*_POLITE, "now", "asap", "immediately", "\u9a6c\u4e0a"))
_TRAILING = re.compile(r"[.,;:!?\u2026\u3002]+\Z")


def tidied(body: str) -> Iterator[str]:
    """`body` made plainer step by step; each is worth a try. The part behind `because` stays as it is."""
    if len(body) > _LONGEST:
        return
    command, because, reason = _split_reason(body)
    shown = command
    for step in (_plain_letters, _without_manners, _with_words):
        command = step(command).strip()
        if command != shown:
            shown = command
            yield f"{command} {because}{reason}".strip()


def _split_reason(body: str) -> tuple[str, str, str]:
    found = re.search(r"(?<= )(?:because|--reason)(?: |=)", body, re.IGNORECASE)
    return (body[: found.start()], found.group(), body[found.end() :]) if found else (body, "", "")


def _plain_letters(text: str) -> str:
    """Full-width letters and marks as those of a plain keyboard; what nobody can see is left out."""
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_MARKS))


def _without_manners(text: str) -> str:
    """Without please and thank you, emoji, and the dot or question mark at the end of a sentence."""
    words = [word for word in text.split(" ") if _TRAILING.sub("", word).lower() not in _MANNERS]
    words = [word for word in words if not word or not _is_picture(word)]
    if len(words) > 1:
        words[-1] = _TRAILING.sub("", words[-1])
    return " ".join(words)


def _is_picture(word: str) -> bool:
    is_named = bool(re.fullmatch(r":[a-z0-9_+-]+:", word))
    return is_named or (not word.isascii() and all(unicodedata.category(c) in ("So", "Sk", "Cf", "Mn") for c in word))


def _with_words(text: str) -> str:
    """With the word that an arrow stands for, and without a dash before the reason."""
    return _LAST_DASH.sub("", _ARROW.sub("to", f"{text} ")).rstrip()
