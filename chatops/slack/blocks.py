"""What the bot says, as a message of Slack. Pure: codes with parameters in, `{text, blocks}` out, in one language.

A message always has both: blocks are what people see, text is what notifications and screen readers say.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bot import phrases
from chatops.slack import mrkdwn
from chatops.slack.mrkdwn import BUTTON_LIMIT, CONFIRM_LIMIT, CONTEXT_LIMIT, SECTION_LIMIT, TEXT_LIMIT, VALUE_LIMIT

Json = dict[str, Any]

#: Buttons of one message.
MOST_BUTTONS = 5
#: Rows of a table; the web has the others.
MOST_ROWS = 20
#: What a button's action is called: `say.0` types a line, `deploy.approve` acts on a deployment.
SAY, DEPLOY = "say", "deploy"


def message(text: str, *parts: Json | None) -> Json:
    """A message of these blocks; `text` is escaped already."""
    return {"text": mrkdwn.cut(text, TEXT_LIMIT), "blocks": [part for part in parts if part]}


def section(text: str, name: str = "") -> Json:
    made: Json = {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn.cut(text, SECTION_LIMIT)}}
    return {**made, "block_id": name} if name else made


def context(*texts: str) -> Json | None:
    said = [{"type": "mrkdwn", "text": mrkdwn.cut(text, CONTEXT_LIMIT)} for text in texts if text]
    return {"type": "context", "elements": said} if said else None


def actions(buttons: Iterable[Json], name: str = "") -> Json | None:
    shown = list(buttons)
    if not shown:
        return None
    made: Json = {"type": "actions", "elements": shown}
    return {**made, "block_id": name} if name else made


def button(action: str, label: object, *, value: str = "", style: str = "", confirm: Json | None = None) -> Json:
    made: Json = {"type": "button", "action_id": action, "text": _plain(label, BUTTON_LIMIT)}
    made |= {"value": value[:VALUE_LIMIT]} if value else {}
    made |= {"style": style} if style else {}
    return made | ({"confirm": confirm} if confirm else {})


def open_button(url: str) -> Json:
    """A button that leads to a page of ours."""
    label = _plain(phrases.render("slack.open", {}), BUTTON_LIMIT)
    return {"type": "button", "action_id": f"{DEPLOY}.open", "url": url, "text": label}


def sure(title: str, text: str, yes: str) -> Json:
    """What Slack asks before it sends a press."""
    return {
        "title": _plain(title, 100),
        "text": _plain(text, CONFIRM_LIMIT),
        "confirm": _plain(yes, 30),
        "deny": _plain(phrases.render("slack.keep", {}), 30),
    }


def reply(
    code: str, params: Mapping[str, Any], suggest: Iterable[str] = (), *, room: int | None = None, url: str = ""
) -> Json:
    """The bot's answer with its table; `suggest` are lines to press, which are typed in `room` by whoever presses."""
    said = mrkdwn.escape(phrases.render(code, params))
    table = params.get("table")
    lines = list(dict.fromkeys(suggest))[:MOST_BUTTONS]
    presses = [
        button(f"{SAY}.{index}", line, value=f"{room}:{line}")
        for index, line in enumerate(lines)
        if room and len(line) < VALUE_LIMIT - 20 and "…" not in line
    ]
    typed = [mrkdwn.code(line) for line in lines if not room or "…" in line]
    if url:
        presses.append(open_button(url))
    return message(
        said,
        section(said),
        section(_table(table)) if isinstance(table, Mapping) and table.get("rows") else None,
        context("  ".join(typed)),
        actions(presses[:MOST_BUTTONS]),
    )


def said(line: str, who: str, answer: Json) -> Json:
    """An answer under the line that it answers, for those who did not see it typed; `who` is escaped already."""
    head = f"*{who}*: {mrkdwn.code(line)}"
    return message(f"{head} {answer['text']}", context(head), *answer["blocks"][:4])


def _table(table: Mapping[str, Any]) -> str:
    rows = list(table["rows"])
    told = phrases.render_text("", {"table": {"head": table["head"], "rows": rows[:MOST_ROWS]}}).lstrip("\n")
    left = len(rows) - MOST_ROWS
    return mrkdwn.code_block(f"{told}\n+ {left}" if left > 0 else told)


def _plain(text: object, limit: int) -> Json:
    return {"type": "plain_text", "text": mrkdwn.plain(text, limit), "emoji": True}
