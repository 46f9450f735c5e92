"""A refusal as a private reply that ends in something to press. Pure, but for the names it is given."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy_core.errors import DeployError
from deploy_core.rules.grants import Action

from .grammar import Parsed, clickable
from .invocation import Invocation, Reply
from .mistakes import Mistake
from .phrases import PHRASES
from .phrases.tables import phrase, status_word
from .registry import COMMANDS
from .suggest import near
from .world import World

_MOST_LINES = 5
_SHIPPING = ("deploy", "redeploy", "promote", "rollback")
#: Verbs whose environment follows `to`; all others are said of one `in` which something is.
_TO = ("deploy", "plan", "redeploy", "promote")

#: What to press after a refusal that carries no line of its own; `{app}` only where an app is known.
_NEXT = {
    "unknown_command": ("help",),
    "unknown_app": ("apps",),
    "app_required": ("apps",),
    "not_yet": ("help",),
    "not_a_command": ("help",),
    "id_required": ("status",),
    "not_found": ("status",),
    "bad_ref": ("branches {app}",),
    "bad_release": ("history {app}",),
    "release_not_found": ("history {app}",),
    "nothing_to_roll_back": ("history {app}",),
    "already_ended": ("status",),
    "nothing_running": ("status",),
    "not_what_runs": ("history {app}",),
    "no_permission": ("where {app}", "whoami"),
    "no_servers": ("envs {app}",),
    "unknown_env": ("envs {app}",),
    "not_in_room": ("where {app}",),
    "token_not_bound": ("where {app}",),
    "checks_failed": ("status {app}", "commits {app}"),
    "locked": ("locks",),
    "frozen": ("freezes",),
    "not_locked": ("locks",),
    "not_frozen": ("freezes",),
    "not_waiting": ("status",),
    "nothing_to_confirm": ("status",),
    "self_approval": ("status",),
    "service_approval": ("status",),
    "already_answered": ("status",),
    "plan_changed": ("history {app}",),
    "nothing_to_redeploy": ("history {app}",),
    "nothing_to_promote": ("history {app}",),
    "nothing_live": ("where {app}",),
    "ref_not_known": ("branches {app}",),
}


def reply_to(error: DeployError, parsed: Parsed | None, invocation: Invocation, world: World) -> Reply:
    """The reply to its author alone."""
    understood = parsed.as_json() if parsed else error.understood if isinstance(error, Mistake) else {}
    app = str(error.params.get("app") or understood.get("app") or world.default_app)
    code = error.code
    params: dict[str, Any] = {name: _plain(name, value) for name, value in error.params.items()}
    lines = list(error.suggest)
    environments = world.names[app].environments if app in world.names else []
    if app:
        params.setdefault("app", app)
    match code:
        case "unknown_command":
            code = str(params.pop("problem", code))
            params["hint"] = _meant(lines) or phrase("hint.help")
        case "unknown_app":
            params["hint"] = _meant(lines) or phrase("hint.apps")
        case "unknown_env":
            code = code if app else "unknown_env_anywhere"
            params["hint"] = _meant(lines) or phrase("hint.environments", {"environments": environments})
        case "syntax":
            code = str(params.pop("problem", code))
            params["hint"] = _syntax_hint(error, understood)
        case "text_required":
            params["hint"] = _usage_hint(understood)
        case "env_required":
            params["environments"] = environments
            meant = near(str(understood.get("ref", "")), environments)  # "deploy shop stagng": no ref was meant
            if meant:
                lines = [_line({**understood, "ref": ""}, app, name, invocation) for name in meant]
            lines = lines or [_line(understood, app, name, invocation) for name in environments]
        case "app_required":
            params["apps"] = list(world.names)
            code = code if world.names else "no_apps"
        case "no_permission":
            action = f"{code}.{error.params.get('action')}"
            code = action if action in PHRASES else code
        case "locked" | "frozen" | "reason_required" | "checks_failed" if understood.get("cmd") in _SHIPPING:
            lines = lines or _ways_around(error, understood, app, invocation, world)
        case "locked" | "lock_not_yours":
            lines = lines or _ways_to_unlock(understood, app, invocation)
        case _:
            pass
    if not lines:
        lines = _next_lines(error.code, understood, app, invocation)
    return Reply(code, params, suggest=tuple(dict.fromkeys(lines))[:_MOST_LINES], is_error=True)


def _plain(name: str, value: object) -> object:
    """A parameter as JSON that every renderer knows."""
    if name == "status":
        return status_word(str(value))
    return value if isinstance(value, str | int | float | dict | None) else [str(each) for each in _each(value)]


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, Iterable) else (value,)


def _meant(lines: list[str]) -> dict[str, Any] | None:
    return phrase("hint.meant") if lines else None


def _syntax_hint(error: DeployError, understood: dict[str, Any]) -> dict[str, Any]:
    if isinstance(error, Mistake) and error.near:
        return phrase("hint.keyword", {"keyword": error.near[0]})
    return _usage_hint(understood)


def _usage_hint(understood: dict[str, Any]) -> dict[str, Any]:
    verb = understood.get("cmd")
    return phrase("hint.usage", {"usage": phrase(f"usage.{verb}")}) if verb in COMMANDS else phrase("hint.help")


def _line(understood: dict[str, Any], app: str, environment: str, invocation: Invocation) -> str:
    """The understood command with its environment named, and with everything else that was said: whoever presses it
    means what they typed.
    """
    verb = str(understood.get("cmd", "deploy"))
    task = f":{understood['task']}" if understood.get("task") else ""
    parts = [f"{verb}{task}{'!' if understood.get('force') else ''}", _target(verb, understood, app, environment)]
    named = {"to": "release", "for": "for", "from": "" if verb == "promote" else "from", "until": "until"}
    parts += [f"{word} {understood[name]}" for word, name in named.items() if understood.get(name)]
    parts += [str(understood.get("when", "")), "--queue" if understood.get("queue") else ""]
    ends = {"|": "params", "because": "reason"}
    parts += [f"{word} {understood[name]}" for word, name in ends.items() if understood.get(name)]
    return clickable(" ".join(part for part in parts if part), invocation.surface)


def _target(verb: str, understood: dict[str, Any], app: str, environment: str) -> str:
    if understood.get("id") is not None:
        return f"#{understood['id']}"
    ref = f"/{understood['ref']}" if understood.get("ref") else ""
    source = f" from {understood['from']}" if verb == "promote" and understood.get("from") else ""
    hosts = f"/{','.join(understood['hosts'])}" if understood.get("hosts") else ""
    return f"{app}{ref}{source} {'to' if verb in _TO else 'in'} {environment}{hosts}"


def _ways_around(
    error: DeployError, understood: dict[str, Any], app: str, invocation: Invocation, world: World
) -> list[str]:
    """Wait behind a lock, start when a freeze is over, or force it for a reason, for those who may."""
    environment = str(understood.get("env") or error.params.get("environment") or "")
    asked = {**understood, "reason": "", "force": False}
    lines = []
    if error.code == "locked":
        lines.append(_line({**asked, "queue": True}, app, environment, invocation))
    until = error.params.get("until")
    if error.code == "frozen" and isinstance(until, dict) and understood["cmd"] == "deploy":
        lines.append(_line({**asked, "when": f"at {_utc(until['at'])}"}, app, environment, invocation))
    right: Action = "rollback" if understood["cmd"] == "rollback" else "manage"
    if error.params.get("may_force", True) and world.may(right, app, environment):
        reason = str(understood.get("reason") or "…")
        forced = {**understood, "force": True, "reason": reason}
        lines.append(_line(forced, app, environment, invocation))
    return [*lines, *_next_lines(error.code, understood, app, invocation)]


def _utc(moment: str) -> str:
    """The first whole minute from a moment on, as the grammar reads it."""
    at = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{at + timedelta(seconds=-at.second % 60):%Y-%m-%dT%H:%MZ}"


def _ways_to_unlock(understood: dict[str, Any], app: str, invocation: Invocation) -> list[str]:
    """Take it over, which its owner is told, or see who holds what."""
    verb = "unlock!" if understood.get("cmd") == "unlock" else "lock!"
    where = f" in {understood['env']}" if understood.get("env") else ""
    return [clickable(f"{verb} {app}{where}", invocation.surface), clickable("locks", invocation.surface)]


def _next_lines(code: str, understood: dict[str, Any], app: str, invocation: Invocation) -> list[str]:
    bodies = _NEXT.get(code) or _help_lines(understood)
    filled = [body.format(app=app).strip() for body in bodies]
    return [clickable(body, invocation.surface) for body in filled]


def _help_lines(understood: dict[str, Any]) -> tuple[str, ...]:
    verb = understood.get("cmd")
    return (f"help {verb}",) if verb in COMMANDS else ("help",)
