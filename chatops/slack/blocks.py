"""What the bot says, as a message of Slack. Pure: codes with parameters in, `{text, blocks}` out, in one language.

A message always has both: blocks are what people see, text is what notifications and screen readers say.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot import phrases
from bot.verbs import BY_WORD
from chatops.slack import mrkdwn
from chatops.slack.mrkdwn import BUTTON_LIMIT, CONFIRM_LIMIT, CONTEXT_LIMIT, SECTION_LIMIT, TEXT_LIMIT, VALUE_LIMIT

Json = dict[str, Any]

#: Buttons of one message.
MOST_BUTTONS = 5
#: Rows of a table, and the blocks they may fill; the web has the others.
MOST_ROWS, MOST_TABLES = 60, 4
#: A command of the room, where a sentence names one.
_COMMAND = re.compile(rf"(?<![^\s“\"(\[])/({'|'.join(sorted(BY_WORD.keys() - {'deploy'}, key=len, reverse=True))})\b")
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
    said = mrkdwn.escape(typed_here(phrases.render(code, params)))
    table = params.get("table")
    lines = list(dict.fromkeys(suggest))[:MOST_BUTTONS]
    presses = [
        button(f"{SAY}.{index}", line, value=f"{room}:{line}")
        for index, line in enumerate(lines)
        if room and len(line) < VALUE_LIMIT - 20 and "…" not in line
    ]
    copied = [mrkdwn.code(line) for line in lines if not room or "…" in line]
    if url:
        presses.append(open_button(url))
    return message(
        said,
        section(said),
        *(_tables(table) if isinstance(table, Mapping) and table.get("rows") else ()),
        context("  ".join(copied)),
        actions(presses[:MOST_BUTTONS]),
    )


def said(line: str, who: str, answer: Json) -> Json:
    """An answer under the line that it answers, for those who did not see it typed; `who` is escaped already."""
    head = f"*{who}*: {mrkdwn.code(line)}"
    return message(f"{head} {answer['text']}", context(head), *answer["blocks"][:4])


def typed_here(sentence: str) -> str:
    """A sentence whose commands are as one types them in Slack: `/status` is `/deploy status` there."""
    return _COMMAND.sub(r"/deploy \1", sentence)


def _tables(table: Mapping[str, Any]) -> Iterator[Json]:
    """A table as text, in as many blocks as it needs, at most `MOST_TABLES`."""
    rows = [[typed_here(phrases.value_text(cell)) for cell in row] for row in table["rows"][:MOST_ROWS]]
    lines = phrases.render_text("", {"table": {"head": table["head"], "rows": rows}}).strip("\n").split("\n")
    shown = 0
    for _ in range(MOST_TABLES):
        room, taken = SECTION_LIMIT - 100, []
        while shown < len(lines) and (room := room - len(mrkdwn.escape(lines[shown])) - 1) >= 0:
            taken.append(lines[shown])
            shown += 1
        if taken:
            yield section(mrkdwn.code_block("\n".join(taken)))
    left = len(table["rows"]) + 1 - shown
    if left > 0:
        yield section(f"+ {left}")


def _plain(text: object, limit: int) -> Json:
    return {"type": "plain_text", "text": mrkdwn.plain(text, limit), "emoji": True}
