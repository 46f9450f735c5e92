"""What a request asks for, as the line that a person would type. Pure.

Each field is checked by itself before it becomes part of a line, so that no field can say what belongs to another.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.normalise import normalise
from deploy_core.errors import Refused
from deploy_core.rules import repository

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SERVER = re.compile(r"[a-z0-9*][a-z0-9._*-]{0,62}")
_WHEN = re.compile(r"(?:at [0-9TZ:+-]{4,32}|after [0-9wdhms]{2,20})")
_LONGEST = {"reason": 500, "params": 2000, "text": 500}


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a request's object: its type as OpenAPI names it, and whether it must be there."""

    kind: str
    is_required: bool = False


DEPLOY = {
    "app": Field("string", is_required=True),
    "environment": Field("string", is_required=True),
    "ref": Field("string"),
    "task": Field("string"),
    "servers": Field("array"),
    "when": Field("string"),
    "params": Field("string"),
    "reason": Field("string"),
    "force": Field("boolean"),
    "queue": Field("boolean"),
}
APPROVE = {"text": Field("string")}
REJECT = {"reason": Field("string", is_required=True)}
CANCEL = {"reason": Field("string")}
_TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "array": list}


def checked(body: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    """`body` if it is an object of these fields and nothing else.

    Raises:
        Refused: `bad_args`, with the field.
    """
    if not isinstance(body, dict):
        raise Refused("bad_args", field="")
    for name, value in body.items():
        if name not in fields or not isinstance(value, _TYPES[fields[name].kind]):
            raise Refused("bad_args", field=str(name)[:64])
    for name, field in fields.items():
        if field.is_required and not body.get(name):
            raise Refused("bad_args", field=name)
    return body


def deploy(asked: Mapping[str, Any]) -> str:
    """`/deploy[:task][!] app[/ref] to environment[/servers] [when] [--queue] [| params] [because …]`.

    Raises:
        Refused: `bad_args`.
    """
    app, environment = _fits(asked, "app", _NAME), _fits(asked, "environment", _NAME)
    ref = asked.get("ref", "")
    if ref and not (repository.is_ref_name(ref) and '"' not in ref and normalise(ref) == ref):
        raise Refused("bad_args", field="ref")
    servers = asked.get("servers", [])
    if not all(isinstance(each, str) and _SERVER.fullmatch(each) for each in servers):
        raise Refused("bad_args", field="servers")
    words = [
        f"/deploy{':' + _fits(asked, 'task', _NAME) if asked.get('task') else ''}{'!' if asked.get('force') else ''}",
        f"{app}/{ref}" if ref else app,
        "to",
        f"{environment}/{','.join(servers)}" if servers else environment,
    ]
    if asked.get("when"):
        words.append(_fits(asked, "when", _WHEN))
    if asked.get("queue"):
        words.append("--queue")
    if params := _plain(asked, "params"):
        is_kept = normalise(f"| {params}") == f"| {params}"  # what a line would change does not come as it was sent
        if not is_kept or re.search(r"(?:\A| )(?:because|--reason)(?: |=|\Z)", params, re.IGNORECASE):
            raise Refused("bad_args", field="params")
        words.append(f"| {params}")
    if reason := _plain(asked, "reason"):
        words.append(f"because {reason}")
    return " ".join(words)


def approve(number: int, asked: Mapping[str, Any]) -> str:
    text = _plain(asked, "text")
    if re.match(r"\d{6}(?: |\Z)", text):  # would be read as a one-time code
        raise Refused("bad_args", field="text")
    return f"/approve #{number} {text}".strip()


def reject(number: int, asked: Mapping[str, Any]) -> str:
    return f"/reject #{number} because {_plain(asked, 'reason')}"


def cancel(number: int, asked: Mapping[str, Any]) -> str:
    reason = _plain(asked, "reason")
    return f"/cancel #{number} because {reason}" if reason else f"/cancel #{number}"


def status(app: str, environment: str) -> str:
    """`/status [app] [in environment]`."""
    return _place("/status", app, environment)


def history(app: str, environment: str, limit: int) -> str:
    """`/history app [in environment] last N`."""
    return f"{_place('/history', app, environment)} last {limit}"


def _place(verb: str, app: str, environment: str) -> str:
    named = {"app": app, "environment": environment}
    words = [verb]
    if app:
        words.append(_fits(named, "app", _NAME))
    if environment:
        words += ["in", _fits(named, "environment", _NAME)]
    return " ".join(words)


def _fits(asked: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = str(asked[name])
    if not pattern.fullmatch(value):
        raise Refused("bad_args", field=name)
    return value


def _plain(asked: Mapping[str, Any], name: str) -> str:
    """A text of one line."""
    value = str(asked.get(name, "")).strip()
    if not value.isprintable() or len(value) > _LONGEST[name]:
        raise Refused("bad_args", field=name)
    return value
