"""What people say to each other, from Slack's way to write it to the room's and back. Pure: any text has its like.

Slack marks what is more than text by `<…>` and writes `&`, `<` and `>` of people as entities
(docs.slack.dev/messaging/formatting-message-text). So a text that is escaped calls nobody and links nowhere.
"""

import re
from collections.abc import Mapping, Sequence

from chatops.slack import mrkdwn
from chatops.slack.blocks import Json

#: Slack cuts a text off at 40,000 characters.
SAID_LIMIT = 39_000
#: Of a name that somebody gave themselves in Slack.
NAME_LIMIT = 40

_MARK = re.compile(r"<([^<>]*)>")
_USER = re.compile(r"<@([A-Z0-9]{1,31})(?:\|[^<>]*)?>")
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)")
#: What no database or page holds.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


def users_in(text: str) -> list[str]:
    """The Slack users that a text names, each once."""
    return list(dict.fromkeys(_USER.findall(text)))


def is_for(user: str, text: str) -> bool:
    """Whether a text begins by naming this user: then it is said to them."""
    return bool(user) and (match := _USER.match(text.lstrip())) is not None and match[1] == user


def heard(text: str, names: Mapping[str, str]) -> str:
    """A text of Slack as the room has it; `names` are those of Slack users, as they are to be shown."""
    parts, at = [], 0
    for mark in _MARK.finditer(text):
        parts += [_unescaped(text[at : mark.start()]), _meant(mark[1], names)]
        at = mark.end()
    parts.append(_unescaped(text[at:]))
    return _UNFIT.sub("", "".join(parts)).strip()


def said(who: str, place: str, text: str) -> Json:
    """A text of the room as Slack gets it: it calls nobody there, whatever stands in it."""
    told = f"*{mrkdwn.escape(named(who))}* ({mrkdwn.escape(place)}): {mrkdwn.escape(text)}"
    return {"text": mrkdwn.cut(told, SAID_LIMIT), "parse": "none", "link_names": False}


def together(messages: Sequence[Json]) -> Json:
    """Several messages as one, one below the other."""
    return {**messages[0], "text": mrkdwn.cut("\n".join(message["text"] for message in messages), SAID_LIMIT)}


def named(name: str) -> str:
    """A name that somebody gave themselves, on one line and of a length; "" for one that nobody can see."""
    seen = "".join(character if character.isprintable() else " " for character in name)
    return " ".join(seen.split())[:NAME_LIMIT].strip()


def _meant(mark: str, names: Mapping[str, str]) -> str:
    target, _, label = mark.partition("|")
    label = _unescaped(label)
    if target.startswith("@"):
        return names.get(target[1:]) or label or target[1:]
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return _special(target[1:], label)
    url = _unescaped(target)
    bare = _SCHEME.sub("", url, count=1)
    if not label or label == url or (label == bare and not url.startswith("http")):
        return label or url
    return url if label.rstrip("/") == bare.rstrip("/") else f"{label} ({url})"


def _special(word: str, label: str) -> str:
    """`<!here>`, `<!channel>`, `<!subteam^S1|@team>`, `<!date^…|text>`."""
    kind, _, about = word.partition("^")
    if label:
        return label
    return f"@{about or kind}" if kind in ("here", "channel", "everyone", "subteam") else kind


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
