"""Text as Slack reads it: nothing that people or repositories wrote can call a channel, make a link or break a block.

The limits are Slack's (docs.slack.dev/reference/block-kit), a little under them where an ellipsis has to fit.
"""

from datetime import datetime

SECTION_LIMIT, CONTEXT_LIMIT, TEXT_LIMIT, BUTTON_LIMIT, VALUE_LIMIT, CONFIRM_LIMIT = 3000, 2000, 4000, 75, 2000, 300


def escape(text: object) -> str:
    """`text` as itself: `&`, `<` and `>` are the only characters that mean something everywhere."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: object) -> str:
    """`text` in back-ticks, on one line; its own become a letter that looks like one."""
    plain = " ".join(str(text).replace("`", "\u02cb").split())
    return f"`{escape(plain)}`" if plain else ""


def code_block(text: str, limit: int = SECTION_LIMIT) -> str:
    """Lines as they are; when they are too many, the last ones."""
    inside = escape(text.replace("`", "\u02cb"))
    room = limit - 8
    if len(inside) > room:
        inside = inside[-room:]
        inside = inside.partition("\n")[2] or _after_entity(inside)
    return f"```\n{inside}\n```"


def link(url: str, text: object) -> str:
    """A link; `url` is ours."""
    return f"<{url}|{escape(text)}>"


def user(name: str) -> str:
    """A mention of a Slack user by id."""
    return f"<@{name}>"


def moment(at: datetime, form: str = "{time_secs}") -> str:
    """A time that each reader sees by their own clock."""
    return f"<!date^{int(at.timestamp())}^{form}|{at:%H:%M:%S} UTC>"


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of an escaped text, never ending inside an entity or a `<…>`."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    kept = kept[: kept.rfind("<")] if kept.rfind("<") > kept.rfind(">") else kept
    kept = kept[: kept.rfind("&")] if kept.rfind("&") > kept.rfind(";") and len(kept) - kept.rfind("&") < 6 else kept
    return f"{kept}…"


def plain(text: object, limit: int) -> str:
    """At most `limit` characters for a plain_text object, which knows no entities; never empty."""
    said = str(text) or "–"
    return said if len(said) <= limit else f"{said[: limit - 1]}…"


def _after_entity(text: str) -> str:
    """`text` without the rest of an entity that it begins with."""
    end = text.find(";")
    return text[end + 1 :] if 0 <= end < 5 and "&" not in text[:end] else text
