"""What Slack sent, as one plain value. Pure: a payload in, an `Ask` out; nothing in it is believed to be a right.

`key` names the request for ever: a repeated delivery has the same.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = Mapping[str, Any]
#: What was asked with: a command, a mention, a button, the button that asks for a reason, Slack's menu, or one of the
#: two forms. What people say to each other asks for nothing.
Kind = Literal["command", "mention", "press", "why", "menu", "form", "reason", "said"]

#: What Slack calls messages that a person wrote; all others tell of something that happened in the channel.
_WRITTEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
#: What only messages of apps and bots have: ours too, so nothing that we said is ever heard.
_BY_APPS = frozenset({"bot_id", "app_id", "bot_profile"})
_MENTION = re.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>[:,]?\s*")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: by whom (a user of a team), where, and what. `began` is `time.monotonic()` at its first byte.

    `thread` is the message whose thread it was typed in, `ts` the message itself, `button` the button or form that was
    pressed, `name` and `value` a button's action, `about` what we had written on a form; `hook` is where a late answer
    may go, `trigger` opens a form. Of talk, `name` is `said`, `changed` or `deleted`, and `about` has the names of its
    files, one a line.
    """

    kind: Kind
    key: str
    team: str
    user: str
    channel: str = ""
    text: str = ""
    thread: str = ""
    ts: str = ""
    button: str = ""
    hook: str = ""
    name: str = ""
    value: str = ""
    about: str = ""
    trigger: str = ""
    began: float = 0.0

    @property
    def digest(self) -> str:
        """`key` in a length that fits every row."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:48]


def of_command(body: Json, began: float) -> Ask:
    """`/deploy …`."""
    team, trigger = _text(body, "team_id"), _text(body, "trigger_id")
    return Ask(
        kind="command",
        key=f"cmd:{team}:{trigger}",
        team=team,
        user=_text(body, "user_id"),
        channel=_text(body, "channel_id"),
        text=_text(body, "text"),
        hook=_text(body, "response_url"),
        trigger=trigger,
        began=began,
    )


def of_press(body: Json, began: float, kind: Literal["press", "why"] = "press") -> Ask:
    """A button."""
    action, user = body["actions"][0], body["user"]
    name, value = _text(action, "action_id"), _text(action, "value")
    container = body.get("container") or {}
    place = _text(container, "message_ts") or _text(container, "view_id")
    team = _text(body.get("team") or {}, "id")
    return Ask(
        kind=kind,
        key=f"act:{team}:{place}:{name}:{_text(action, 'action_ts')}:{_text(user, 'id')}",
        team=_text(user, "team_id") or team,
        user=_text(user, "id"),
        channel=_text(body.get("channel") or {}, "id") or _text(container, "channel_id"),
        thread=_text(container, "thread_ts"),
        button=f"{team}:{place}:{name}",
        hook=_text(body, "response_url"),
        name=name,
        value=value,
        trigger=_text(body, "trigger_id"),
        began=began,
    )


def of_form(body: Json, began: float, kind: Literal["form", "reason"]) -> tuple[Ask, dict[str, str]]:
    """A form that was sent: the request, and what each block holds."""
    view, user = body["view"], body["user"]
    team, about = _text(body.get("team") or {}, "id"), _text(view, "private_metadata")
    given = {}
    for block, fields in view["state"]["values"].items():
        for said in fields.values():
            given[block] = _text(said.get("selected_option") or {}, "value") or _text(said, "value")
    ask = Ask(
        kind=kind,
        key=f"view:{team}:{_text(view, 'id')}:{_text(body, 'trigger_id')}",
        team=_text(user, "team_id") or team,
        user=_text(user, "id"),
        channel=_text(json.loads(about), "channel"),
        button=f"form:{team}:{_text(view, 'id')}",
        about=about,
        trigger=_text(body, "trigger_id"),
        began=began,
    )
    return ask, given


def of_shortcut(body: Json, began: float) -> Ask:
    """The entry in Slack's own menu."""
    user, team = body["user"], _text(body.get("team") or {}, "id")
    return Ask(
        kind="menu",
        key=f"cut:{team}:{_text(body, 'trigger_id')}",
        team=_text(user, "team_id") or team,
        user=_text(user, "id"),
        trigger=_text(body, "trigger_id"),
        began=began,
    )


def of_mention(body: Json, began: float) -> Ask:
    """`@deploy …` in a channel or a thread."""
    event, team = body["event"], _text(body, "team_id")
    return Ask(
        kind="mention",
        key=f"evt:{_text(body, 'event_id')}",
        team=_text(event, "user_team") or team,
        user=_text(event, "user"),
        channel=_text(event, "channel"),
        text=_MENTION.sub("", _text(event, "text")),
        thread=_text(event, "thread_ts"),
        ts=_text(event, "ts"),
        began=began,
    )


def of_message(body: Json, began: float) -> Ask | None:
    """What a person said in a channel, changed or took back; None for what apps wrote and what merely happened."""
    event, team = body["event"], _text(body, "team_id")
    said, name = event, "said"
    match _text(event, "subtype"):
        case "message_changed":
            said, name = _json(event, "message"), "changed"
        case "message_deleted":
            said, name = {**_json(event, "previous_message"), "ts": event.get("deleted_ts")}, "deleted"
    if name == "changed" and _text(said, "subtype") == "tombstone":  # what is left of it, above the answers to it
        said, name = {**_json(event, "previous_message"), "ts": said.get("ts")}, "deleted"
    is_written = _text(said, "subtype") in _WRITTEN and bool(_text(said, "user")) and bool(_text(said, "ts"))
    if not is_written or _json(said, "metadata") or any(said.get(each) for each in _BY_APPS):
        return None
    if name == "changed" and _text(said, "text") == _text(_json(event, "previous_message"), "text"):
        return None  # a link that was looked up, or a file that came
    thread, ts = _text(said, "thread_ts"), _text(said, "ts")
    return Ask(
        kind="said",
        key=f"evt:{_text(body, 'event_id')}",
        team=_text(said, "user_team") or _text(said, "team") or team,
        user=_text(said, "user"),
        channel=_text(event, "channel"),
        text=_text(said, "text"),
        thread=thread if thread != ts else "",
        ts=ts,
        name=name,
        about="\n".join(_files(said)),
        began=began,
    )


def _files(said: Json) -> list[str]:
    files = said.get("files")
    known = [each for each in files if isinstance(each, dict)] if isinstance(files, list) else []
    return [" ".join((_text(each, "name") or _text(each, "title") or "?").split()) for each in known]


def _json(values: Json, name: str) -> Json:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _text(values: Json, name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
