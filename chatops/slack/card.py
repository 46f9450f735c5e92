"""A deployment as one message, drawn from its journal and edited in place. Pure: a state in, `{text, blocks}` out."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot import phrases
from chatops.slack import blocks, mrkdwn
from chatops.slack.blocks import DEPLOY, Json, button, sure
from deploy_core.rules.states import DeploymentState, StepState
from deploy_core.rules.status import ENDED, STEP_ENDED, Status, StepStatus

#: Failed servers that are named; the page has the others.
MOST_FAILED = 10
REASON_LIMIT = 200

_GLYPHS: dict[str, str] = {
    Status.PLANNING: ":mag:",
    Status.AWAITING_CONFIRMATION: ":question:",
    Status.AWAITING_APPROVAL: ":raised_hand:",
    Status.SCHEDULED: ":calendar:",
    Status.QUEUED: ":hourglass:",
    Status.RUNNING: ":large_blue_circle:",
    Status.PAUSED: ":double_vertical_bar:",
    Status.VERIFYING: ":eyes:",
    Status.CANCELLING: ":octagonal_sign:",
    Status.ROLLING_BACK: ":rewind:",
    Status.SUCCEEDED: ":white_check_mark:",
    Status.FAILED: ":x:",
    Status.CANCELLED: ":octagonal_sign:",
    Status.REJECTED: ":no_entry_sign:",
    Status.EXPIRED: ":hourglass:",
    Status.ROLLED_BACK: ":rewind:",
}
_STEP_GLYPHS: dict[str, str] = {
    StepStatus.PENDING: ":white_circle:",
    StepStatus.RUNNING: ":arrow_forward:",
    StepStatus.SUCCEEDED: ":white_check_mark:",
    StepStatus.FAILED: ":x:",
    StepStatus.SKIPPED: ":heavy_minus_sign:",
    StepStatus.CANCELLED: ":octagonal_sign:",
    StepStatus.TIMED_OUT: ":x:",
    StepStatus.LOST: ":grey_question:",
}
_BAD = frozenset({StepStatus.FAILED, StepStatus.TIMED_OUT, StepStatus.LOST})


def draw(state: DeploymentState, *, by: str, url: str) -> Json:
    """The message; `by` is who asked for it, escaped, `url` the deployment's page."""
    word = phrases.render(f"status.{state.status}", {})
    why = mrkdwn.cut(mrkdwn.escape(_why(state)), REASON_LIMIT)
    place = f"{mrkdwn.escape(state.app)} → {mrkdwn.escape(state.environment)}"
    head = f"{_GLYPHS.get(state.status, '')} *{mrkdwn.link(url, f'#{state.id}')}* {mrkdwn.code(state.app)} → "
    head += f"*{mrkdwn.escape(state.environment)}* {mrkdwn.code(state.ref)}"
    head += f" ({mrkdwn.code(state.revision[:7])})" if state.revision else ""
    head += f" {phrases.render('slack.by', {'by': by})}"
    line = f"*{word}*" + (f": {why}" if why else "")
    subject = f"_{mrkdwn.cut(mrkdwn.escape(state.subject), REASON_LIMIT)}_" if state.subject else ""
    counted = _servers(state)
    return blocks.message(
        f"#{state.id} {place}: {word}" + (f", {counted}" if counted and state.status not in ENDED else ""),
        blocks.section("\n".join(part for part in (head, line, subject) if part), f"d{state.id}-head"),
        blocks.section(steps, f"d{state.id}-steps") if (steps := _steps(state, counted)) else None,
        blocks.section(failed, f"d{state.id}-failed") if (failed := _failed(state)) else None,
        blocks.context(_when(state)),
        blocks.actions([*_buttons(state), blocks.open_button(url)], f"d{state.id}-act"),
    )


def _why(state: DeploymentState) -> str:
    return blocks.typed_here(phrases.render(state.reason, state.params)) if state.reason else ""


def _steps(state: DeploymentState, counted: str) -> str:
    """The steps that have no server, and all servers in a word; nothing before there is something to tell."""
    if state.started_at is None and not any(step.status != StepStatus.PENDING for step in state.steps.values()):
        return ""
    own = [step for step in state.steps.values() if not step.server and step.kind != "start"]
    told = "  ".join(
        f"{_STEP_GLYPHS.get(step.status, '')} {phrases.render(f'step.{step.kind}', {})}{_took(step)}" for step in own
    )
    return "\n".join(part for part in (told, counted) if part)


def _took(step: StepState) -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f" {_span((step.finished_at - step.started_at).total_seconds())}"


def _by_server(state: DeploymentState) -> Mapping[str, list[StepState]]:
    found: dict[str, list[StepState]] = {}
    for step in state.steps.values():
        if step.server:
            found.setdefault(step.server, []).append(step)
    return found


def _servers(state: DeploymentState) -> str:
    """How many servers have all of it, and on how many something went wrong."""
    of_server = _by_server(state)
    if not of_server:
        return ""
    counts: Counter[str] = Counter()
    for steps in of_server.values():
        if any(step.status in _BAD for step in steps):
            counts["failed"] += 1
        elif all(step.status in STEP_ENDED for step in steps):
            counts["done"] += 1
    told = phrases.render("slack.servers", {"done": counts["done"], "all": len(of_server)})
    return told + (f", {phrases.render('slack.failed', {'count': counts['failed']})}" if counts["failed"] else "")


def _failed(state: DeploymentState) -> str:
    bad = [step for step in state.steps.values() if step.status in _BAD]
    told = []
    for step in bad[:MOST_FAILED]:
        why = phrases.render(step.reason, step.params) if step.reason else phrases.render(f"status.{step.status}", {})
        why = blocks.typed_here(why)
        where = mrkdwn.code(step.server) if step.server else phrases.render(f"step.{step.kind}", {})
        told.append(f":x: {where} {mrkdwn.cut(mrkdwn.escape(why), REASON_LIMIT)}")
    if len(bad) > MOST_FAILED:
        told.append(f"+ {len(bad) - MOST_FAILED}")
    return "\n".join(told)


def _when(state: DeploymentState) -> str:
    """Times are Slack's own tokens: nobody edits a message because a second has passed."""
    if state.started_at and state.finished_at:
        took = _span((state.finished_at - state.started_at).total_seconds())
        return phrases.render("slack.took", {"took": took, "at": _moment(state.finished_at)})
    if state.started_at:
        return phrases.render("slack.since", {"at": _moment(state.started_at)})
    return phrases.render("slack.asked", {"at": _moment(state.requested_at)}) if state.requested_at else ""


def _moment(at: datetime) -> str:
    return mrkdwn.moment(at)


def _span(seconds: float) -> str:
    whole = int(seconds)
    return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s" if whole < 60 else f"{whole // 60} m {whole % 60} s"


def _buttons(state: DeploymentState) -> list[Json]:
    """What may be done with it as it stands. Whether the presser may, is asked when they press."""
    value = f"{state.id}:{state.number}"

    def act(word: str, *, style: str = "", confirm: bool = False) -> Json:
        label = phrases.render(f"slack.do.{word}", {})
        asked = sure(f"{label}: #{state.id}", f"{state.app} → {state.environment}", label) if confirm else None
        return button(f"{DEPLOY}.{word}", label, value=value, style=style, confirm=asked)

    match state.status:
        case Status.AWAITING_APPROVAL:
            return [act("approve", style="primary"), act("reject", style="danger"), act("cancel")]
        case Status.PAUSED:
            return [act("resume", style="primary"), act("cancel", style="danger", confirm=True)]
        case Status.RUNNING | Status.VERIFYING:
            return [act("cancel", style="danger", confirm=True)]
        case Status.PLANNING | Status.SCHEDULED | Status.QUEUED | Status.AWAITING_CONFIRMATION:
            return [act("cancel")]
        case Status.SUCCEEDED:
            return [] if state.kind == "task" else [act("rollback", confirm=True)]
        case Status.FAILED:
            return [act("retry", style="primary"), *([] if state.kind == "task" else [act("rollback", confirm=True)])]
        case Status.CANCELLED | Status.EXPIRED | Status.ROLLED_BACK | Status.REJECTED:
            return [act("retry")]
    return []


#: The line that a press types, by the word of its action.
LINES: dict[str, str] = {
    "approve": "approve #{number}",
    "cancel": "cancel #{number}",
    "confirm": "confirm #{number}",
    "no": "no #{number}",
    "resume": "resume #{number}",
    "retry": "retry #{number}",
    "rollback": "rollback {app} in {environment}",
}
#: Those of which each press would be another deployment: one press for all people.
ONCE = frozenset({"retry", "rollback"})


def question(state: DeploymentState, params: Mapping[str, Any], *, url: str) -> Json:
    """What asks the author of a deployment to a protected environment whether it is right."""
    asked = mrkdwn.escape(phrases.render("announce.confirm", params))
    value = f"{state.id}:{state.number}"
    yes = button(f"{DEPLOY}.confirm", phrases.render("slack.do.confirm", {}), value=value, style="primary")
    no = button(f"{DEPLOY}.no", phrases.render("slack.do.no", {}), value=value)
    return blocks.message(asked, blocks.section(asked), blocks.actions([yes, no, blocks.open_button(url)]))
