"""Bolt, with what listens to each kind of request. The same for HTTP (`views.py`) and Socket Mode (`slack_socket`).

A listener acknowledges within `SLACK_ACK_S`, with the answer if it is there by then; else the request is kept in a row,
and the answer follows (`strays.py`, should we die meanwhile). Bolt runs listeners in the thread of the request, so it
needs no threads of its own.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import translation
from slack_bolt import Ack, App, BoltContext, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from chatops.slack import answers, asks, calls, deliveries, desk, forms, hands, opting, rooms, tickets, workspaces
from chatops.slack.answers import Answer
from chatops.slack.asks import Ask
from chatops.slack.models import Channel, Identity, Workspace
from deploy_core.sealing import SealError

logger = logging.getLogger(__name__)

Body = dict[str, Any]


class NotHeard(Exception):
    """What somebody said could not be stored."""


def app() -> App:
    """The application of this process."""
    return _app(settings.SLACK_API_URL, settings.SLACK_TIMEOUT_S)


@lru_cache(maxsize=4)
def _app(api_url: str, timeout_s: int) -> App:
    made = App(
        name="shiproom",
        signing_secret=settings.SLACK_SIGNING_SECRET or "-",
        client=calls.client(),
        before_authorize=_known,
        authorize=_authorize,
        process_before_response=True,
        token_verification_enabled=False,
        request_verification_enabled=False,  # guard.py did it before anything read the body
    )
    made.command("/deploy")(_command)
    made.command(re.compile(".*"))(_nothing)
    made.action("deploy.open")(_nothing)
    made.action("deploy.reject")(_ask_why)
    made.action(re.compile(r"deploy\.[a-z]+|say\.[0-9]"))(_press)
    made.action(re.compile(".*"))(_nothing)
    made.shortcut("deploy_modal")(_shortcut)
    made.view(forms.DEPLOY)(_deploy_form)
    made.view(forms.REJECT)(_reject_form)
    made.event("app_mention")(_mention)
    made.event("message")(_said)
    made.event("app_uninstalled")(_removed)
    made.event("tokens_revoked")(_revoked)
    made.event("user_change")(_changed)
    made.event("channel_archive")(_archived)
    made.event("channel_shared")(_shared)
    made.event(re.compile(".*"))(_nothing)
    return made


# --- before any listener ----------------------------------------------------------------------------------------------
def _known(context: BoltContext, body: Body, next: Callable[[], BoltResponse]) -> BoltResponse | None:
    """Find the workspace; a stranger is told so in the acknowledgement, and nothing is called on their word."""
    close_old_connections()
    if context.response_url and not calls.is_hook(context.response_url):
        context["response_url"] = None
    if body.get("type") == "url_verification" or "ssl_check" in body:
        return next()
    workspace = Workspace.objects.filter(team=str(context.team_id or "")).first()
    is_goodbye = body.get("event", {}).get("type") in ("app_uninstalled", "tokens_revoked")
    if workspace is None or (workspace.removed and not is_goodbye):
        with translation.override(settings.SLACK_LANGUAGE):
            told = answers.refused("slack_stranger").as_response() if body.get("command") else {}
        return BoltResponse(status=200, body=told or "")
    context["workspace"] = workspace
    return next()


def _authorize(context: BoltContext) -> AuthorizeResult:
    """Whose bot we are. Calls are made by `calls.py`, with the workspace's own token: Bolt needs none."""
    workspace: Workspace = context["workspace"]
    return AuthorizeResult(
        enterprise_id=context.enterprise_id,
        team_id=workspace.team,
        bot_id=workspace.bot or None,
        bot_user_id=workspace.bot_user or None,
    )


# --- commands and presses ---------------------------------------------------------------------------------------------
def _command(ack: Ack, body: Body, context: BoltContext) -> None:
    _acknowledge(ack, asks.of_command(body, _began(context)), context["workspace"])


def _press(ack: Ack, body: Body, context: BoltContext) -> None:
    # Words in the acknowledgement of a press show nowhere: its answer goes to the response_url.
    _act(ack, asks.of_press(body, _began(context)), context["workspace"])


def _ask_why(ack: Ack, body: Body, context: BoltContext) -> None:
    _act(ack, asks.of_press(body, _began(context), "why"), context["workspace"])


def _shortcut(ack: Ack, body: Body, context: BoltContext) -> None:
    _act(ack, asks.of_shortcut(body, _began(context)), context["workspace"])


def _mention(ack: Ack, body: Body, context: BoltContext) -> None:
    _act(ack, asks.of_mention(body, _began(context)), context["workspace"])


# --- what people say to each other ------------------------------------------------------------------------------------
def _said(ack: Ack, body: Body, context: BoltContext) -> None:
    """Slack tells of every channel the bot is in: what is said where nobody asked for it is not looked at."""
    ask, workspace = asks.of_message(body, _began(context)), context["workspace"]
    if ask and Channel.objects.filter(workspace=workspace, channel=ask.channel, talk__isnull=False).exists():
        job = hands.Job(partial(desk.worked, ask, workspace))
        answer = job.within(settings.SLACK_ACK_S) or _kept(job, ask, workspace)
        if answer is None:
            job.then(partial(_heard, ask))
        elif answer.is_error:
            raise NotHeard  # Slack sends it again
    ack()


def _heard(ask: Ask, answer: Answer) -> None:
    """It was kept, and is not needed any more; where something failed, it is tried once more (`strays`)."""
    if not answer.is_error:
        deliveries.settle(ask, answer)


# --- forms ------------------------------------------------------------------------------------------------------------
def _deploy_form(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, given = asks.of_form(body, _began(context), "form")
    _close(ack, replace(ask, text=forms.line(given)), given, context["workspace"])


def _reject_form(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, given = asks.of_form(body, _began(context), "reason")
    _close(ack, replace(ask, text=given.get(forms.REASON, "")), given, context["workspace"])


# --- what happens in a workspace --------------------------------------------------------------------------------------
def _removed(ack: Ack, context: BoltContext) -> None:
    ack()
    workspaces.remove(context["workspace"], "app_uninstalled")


def _revoked(ack: Ack, body: Body, context: BoltContext) -> None:
    ack()
    if body["event"].get("tokens", {}).get("bot"):
        workspaces.remove(context["workspace"], "tokens_revoked")


def _changed(ack: Ack, body: Body, context: BoltContext) -> None:
    """Whoever was deactivated in Slack is nobody here."""
    ack()
    user = body["event"].get("user") or {}
    if user.get("deleted"):
        known = Identity.objects.filter(workspace=context["workspace"], user=user.get("id", ""))
        for identity in known.select_related("person", "workspace"):
            tickets.untie(identity, "deleted_in_slack")


def _archived(ack: Ack, body: Body, context: BoltContext) -> None:
    ack()
    for channel in Channel.objects.filter(workspace=context["workspace"], channel=body["event"].get("channel", "")):
        rooms.stop(channel, "is_archived")


def _shared(ack: Ack, body: Body, context: BoltContext) -> None:
    ack()
    opting.shared(context["workspace"], body["event"].get("channel", ""))


def _nothing(ack: Ack) -> None:
    ack()


# --- how an answer goes back ------------------------------------------------------------------------------------------
def _began(context: BoltContext) -> float:
    """When the first byte came, by our own clock; over a socket, now."""
    began = context.get("began")
    return began if isinstance(began, float) else time.monotonic()


def _is_late(ask: Ask) -> bool:
    """Whether Slack has told the person by now that it failed: then it must not happen after all."""
    return bool(time.monotonic() - ask.began > settings.SLACK_LATE_S)


def _acknowledge(ack: Ack, ask: Ask, workspace: Workspace) -> None:
    """Acknowledge a command with its answer; if that takes too long, say that we are at it, and the answer follows."""
    if _is_late(ask):
        late = _told("slack_late", is_error=True)
        ack(late.as_response())
        hands.later(partial(_hand_in, ask, workspace, late))
        return
    job = hands.Job(partial(desk.worked, ask, workspace))
    answer = job.within(settings.SLACK_ACK_S) or _kept(job, ask, workspace)
    if answer is None:
        job.then(partial(_hand_in, ask, workspace))
        answer = _told("slack_working") if ask.text.strip() else Answer()  # a form that opens says enough
    else:
        hands.later(partial(deliveries.settle, ask, answer))
    ack(answer.as_response() or "")


def _act(ack: Ack, ask: Ask, workspace: Workspace) -> None:
    """Do what was asked, and acknowledge when it is done or the time is up; what came of it follows."""
    if _is_late(ask):
        hands.later(partial(_hand_in, ask, workspace, _told("slack_late", is_error=True)))
    else:
        job = hands.Job(partial(desk.worked, ask, workspace))
        if job.within(settings.SLACK_ACK_S) is None:
            _kept(job, ask, workspace)
        job.then(partial(_hand_in, ask, workspace))
    ack()


def _close(ack: Ack, ask: Ask, given: dict[str, str], workspace: Workspace) -> None:
    """Close the form, or keep it open with what is wrong beside a field; what comes too late for that follows."""
    job = hands.Job(partial(desk.worked, ask, workspace))
    answer = job.within(settings.SLACK_ACK_S * 5) or _kept(job, ask, workspace)
    if answer is not None and answer.is_error:
        hands.later(partial(deliveries.settle, ask, answer))
        ack(**forms.errors(given, answer.text))
    else:
        job.then(partial(_hand_in, ask, workspace))
        ack()


def _kept(job: hands.Job[Answer], ask: Ask, workspace: Workspace) -> Answer | None:
    """Keep a request before Slack is told that it is worked on, so that it is not lost with this process; its answer,
    if that came meanwhile.
    """
    try:
        deliveries.keep(ask, workspace)
    except (DatabaseError, SealError):
        logger.exception("a request of Slack could not be kept")
    return job.within(0)


def _hand_in(ask: Ask, workspace: Workspace, answer: Answer) -> None:
    """Tell what came of a request, unless somebody has: the same one came before, or this process was thought dead."""
    if deliveries.answer_of(ask) is None:
        answers.give(ask, workspace, answer)
    deliveries.settle(ask, answer)


def _told(code: str, *, is_error: bool = False) -> Answer:
    with translation.override(settings.SLACK_LANGUAGE):
        return answers.told(code, {}, is_error=is_error)
