"""The forms that Slack shows: one to deploy, for who types a bare `/deploy`, and one for the reason of a no. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot import phrases
from chatops.slack import mrkdwn
from chatops.slack.blocks import Json

DEPLOY, REJECT = "deploy_form", "reject_form"
APP, ENVIRONMENT, REF, REASON = "app", "environment", "ref", "reason"
#: What Slack takes: options of a list, characters of an option and of what we write on a form.
MOST_OPTIONS, OPTION_LIMIT, TITLE_LIMIT = 100, 75, 24


def deploy(environments: Mapping[str, Iterable[str]], *, app: str, about: str) -> Json:
    """What, where to, and which ref: `environments` are the names by app, `app` the one that is chosen at first."""
    names = list(dict.fromkeys(name for of_app in environments.values() for name in of_app))
    return _form(
        DEPLOY,
        "slack.form",
        about,
        _input(APP, "slack.form.app", _select(environments, app)),
        _input(ENVIRONMENT, "slack.form.environment", _select(names, "")),
        _input(
            REF, "slack.form.ref", {"type": "plain_text_input", "action_id": REF, "max_length": 200}, is_needed=False
        ),
    )


def reject(about: str) -> Json:
    """Why not?"""
    field = {"type": "plain_text_input", "action_id": REASON, "max_length": 400}
    return _form(REJECT, "slack.do.reject", about, _input(REASON, "slack.form.reason", field))


def line(given: Mapping[str, str]) -> str:
    """What the form to deploy says, as it is typed."""
    ref = given.get(REF, "").strip()
    return f"deploy {given.get(APP, '')}{f'/{ref}' if ref else ''} to {given.get(ENVIRONMENT, '')}"


def errors(given: Mapping[str, str], text: str) -> Json:
    """The answer that keeps a form open and says beside a field why."""
    block = REASON if REASON in given else REF if given.get(REF) else ENVIRONMENT
    return {"response_action": "errors", "errors": {block: mrkdwn.plain(text, 2000)}}


def _form(name: str, title: str, about: str, *parts: Json) -> Json:
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": about,
        "title": _plain(title, TITLE_LIMIT),
        "submit": _plain("slack.form.send" if name == DEPLOY else "slack.do.reject", TITLE_LIMIT),
        "close": _plain("slack.keep", TITLE_LIMIT),
        "blocks": list(parts),
    }


def _input(name: str, label: str, element: Json, *, is_needed: bool = True) -> Json:
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(label, 200),
        "element": element,
        "optional": not is_needed,
    }


def _select(names: Iterable[str], chosen: str) -> Json:
    options = [
        {"text": {"type": "plain_text", "text": mrkdwn.plain(name, OPTION_LIMIT)}, "value": name}
        for name in list(names)[:MOST_OPTIONS]
    ]
    first = next((option for option in options if option["value"] == chosen), None)
    made: dict[str, Any] = {"type": "static_select", "action_id": "choice", "options": options}
    return made | ({"initial_option": first} if first else {})


def _plain(code: str, limit: int) -> Json:
    return {"type": "plain_text", "text": mrkdwn.plain(phrases.render(code, {}), limit)}
