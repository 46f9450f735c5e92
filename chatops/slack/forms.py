"""The forms that Slack shows: one to deploy, for who types a bare `/deploy`, and one for the reason of a no. Pure."""

from collections.abc import Iterable, Mapping

from bot import phrases
from chatops.slack import mrkdwn
from chatops.slack.blocks import Json

DEPLOY, REJECT = "deploy_form", "reject_form"
APP, ENVIRONMENT, REF, REASON = "app", "environment", "ref", "reason"
#: What Slack takes: options (or groups of them) of a list, characters of an option, of its value, and of what we write
#: on a form.
MOST_OPTIONS, OPTION_LIMIT, VALUE_LIMIT, TITLE_LIMIT = 100, 75, 150, 24
#: Branches of an app that are listed; any other one is typed.
MOST_REFS = 20


def deploy(
    environments: Mapping[str, Iterable[str]], refs: Mapping[str, Iterable[str]], *, app: str, about: str
) -> Json:
    """What, where to, and another ref than those listed: `environments` and `refs` are the names by app, `app` the one
    that is chosen at first.
    """
    names = list(dict.fromkeys(name for of_app in environments.values() for name in of_app))
    what = {name: [name, *(f"{name}/{ref}" for ref in refs.get(name, ()))] for name in environments}
    return _form(
        DEPLOY,
        "slack.form",
        about,
        _input(APP, "slack.form.app", _grouped(what, app)),
        _input(ENVIRONMENT, "slack.form.environment", _select(names)),
        _input(
            REF, "slack.form.ref", {"type": "plain_text_input", "action_id": REF, "max_length": 200}, is_needed=False
        ),
    )


def reject(about: str) -> Json:
    """Why not?"""
    field = {"type": "plain_text_input", "action_id": REASON, "max_length": 400}
    return _form(REJECT, "slack.do.reject", about, _input(REASON, "slack.form.reason", field))


def line(given: Mapping[str, str]) -> str:
    """What the form to deploy says, as it is typed. A ref that was typed counts, and not the one that was chosen."""
    what, ref = given.get(APP, ""), given.get(REF, "").strip()
    what = f"{what.partition('/')[0]}/{ref}" if ref else what
    return f"deploy {what} to {given.get(ENVIRONMENT, '')}"


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


def _select(names: Iterable[str]) -> Json:
    return {"type": "static_select", "action_id": "choice", "options": _options(names)}


def _grouped(groups: Mapping[str, Iterable[str]], chosen: str) -> Json:
    """A list with a heading for each group."""
    options = {name: _options(names) for name, names in list(groups.items())[:MOST_OPTIONS]}
    made = [{"label": _text(name), "options": of_group} for name, of_group in options.items()]
    first = next((option for option in options.get(chosen, []) if option["value"] == chosen), None)
    select: Json = {"type": "static_select", "action_id": "choice", "option_groups": made}
    return select | ({"initial_option": first} if first else {})


def _options(names: Iterable[str]) -> list[Json]:
    return [{"text": _text(name), "value": name} for name in names if len(name) <= VALUE_LIMIT][:MOST_OPTIONS]


def _text(name: str) -> Json:
    return {"type": "plain_text", "text": mrkdwn.plain(name, OPTION_LIMIT)}


def _plain(code: str, limit: int) -> Json:
    return {"type": "plain_text", "text": mrkdwn.plain(phrases.render(code, {}), limit)}
