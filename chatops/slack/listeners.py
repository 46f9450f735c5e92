"""Bolt, with what listens to each kind of request. The same for HTTP (`views.py`) and Socket Mode (`slack_socket`).

A listener acknowledges within `SLACK_ACK_S`, with the answer if it is there by then; else the answer follows. Bolt runs
listeners in the thread of the request, so it needs no threads of its own and holds no database connection.
"""

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from django.utils import translation
from slack_bolt import Ack, App, BoltContext, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from chatops.slack import asks, calls, desk, forms, hands, outbox, tickets, workspaces
from chatops.slack.asks import Ask
from chatops.slack.desk import Answer, Turned
from chatops.slack.models import Channel, Identity, Workspace

logger = logging.getLogger(__name__)

Body = dict[str, Any]


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
    made.event("app_uninstalled")(_removed)
    made.event("tokens_revoked")(_revoked)
    made.event("user_change")(_changed)
    made.event("channel_archive")(_archived)
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
            told = desk.refused("slack_stranger").as_response() if body.get("command") else {}
        return BoltResponse(status=200, body=told or "")
    context["workspace"] = workspace
    return next()


def _authorize(context: BoltContext) -> AuthorizeResult:
    """Whose token goes with the request."""
    workspace: Workspace = context["workspace"]
    return AuthorizeResult(
        enterprise_id=context.enterprise_id,
        team_id=workspace.team,
        bot_id=workspace.bot or None,
        bot_user_id=workspace.bot_user or None,
        bot_token=workspaces.token_of(workspace) or "none",
    )


# --- commands and presses ---------------------------------------------------------------------------------------------
def _command(ack: Ack, body: Body, context: BoltContext) -> None:
    ask = asks.of_command(body, _began(context))
    workspace: Workspace = context["workspace"]
    if ask.text.strip():
        _acknowledge(ack, ask, lambda: desk.typed(ask, workspace))
    else:
        _acknowledge(ack, ask, lambda: desk.offer_form(ask, workspace))


def _press(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, name, value = asks.of_press(body, _began(context))
    workspace: Workspace = context["workspace"]
    # Words in the acknowledgement of a press show nowhere: its answer goes to the response_url.
    _act(ack, ask, lambda: desk.pressed(ask, workspace, name, value), lambda answer: _tell(ask, answer))


def _ask_why(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, _, value = asks.of_press(body, _began(context))
    workspace: Workspace = context["workspace"]
    _act(ack, ask, lambda: desk.ask_why(ask, workspace, value), lambda answer: _tell(ask, answer))


def _shortcut(ack: Ack, body: Body, context: BoltContext) -> None:
    ask = asks.of_shortcut(body, _began(context))
    workspace: Workspace = context["workspace"]
    _act(ack, ask, lambda: desk.offer_form(ask, workspace), lambda answer: _whisper(ask, workspace, answer))


def _mention(ack: Ack, body: Body, context: BoltContext) -> None:
    ask = asks.of_mention(body, _began(context))
    workspace: Workspace = context["workspace"]
    _act(ack, ask, lambda: desk.typed(ask, workspace), lambda answer: _answer_below(ask, workspace, answer))


# --- forms ------------------------------------------------------------------------------------------------------------
def _deploy_form(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, given, about = asks.of_form(body, _began(context))
    workspace: Workspace = context["workspace"]
    _close(ack, ask, given, lambda: desk.sent_form(ask, workspace, forms.line(given), about))


def _reject_form(ack: Ack, body: Body, context: BoltContext) -> None:
    ask, given, about = asks.of_form(body, _began(context))
    workspace: Workspace = context["workspace"]
    _close(ack, ask, given, lambda: desk.sent_reason(ask, workspace, given.get(forms.REASON, ""), about))


def _close(ack: Ack, ask: Ask, given: dict[str, str], work: Callable[[], Answer]) -> None:
    """Close the form, or keep it open with what is wrong beside a field."""
    answer = hands.within(settings.SLACK_ACK_S * 5, lambda: _worked(ask, work), late=lambda _: None)
    if answer is not None and answer.is_error:
        ack(**forms.errors(given, answer.text))
    else:
        ack()


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
    channel = Channel.objects.filter(workspace=context["workspace"], channel=body["event"].get("channel", ""))
    channel.update(trouble="is_archived")


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


def _acknowledge(ack: Ack, ask: Ask, work: Callable[[], Answer]) -> None:
    if _is_late(ask):
        with translation.override(settings.SLACK_LANGUAGE):
            late = desk.refused("slack_late")
        ack(late.as_response())
        hands.later(lambda: _tell(ask, late))
        return
    answer = hands.within(settings.SLACK_ACK_S, lambda: _worked(ask, work), late=lambda late: _tell(ask, late))
    if answer is None:
        with translation.override(settings.SLACK_LANGUAGE):
            answer = desk.told("slack_working", {})
    ack(answer.as_response() or "")


def _act(ack: Ack, ask: Ask, work: Callable[[], Answer], then: Callable[[Answer], None]) -> None:
    """Do what was asked, and acknowledge when it is done or the time is up; `then` gets what came of it."""
    if not _is_late(ask):
        hands.within(settings.SLACK_ACK_S, lambda: then(_worked(ask, work)), late=lambda _: None)
    ack()


def _worked(ask: Ask, work: Callable[[], Answer]) -> Answer:
    """What came of it. A fault of ours is logged, and told like a refusal."""
    try:
        return desk.once(ask, work)
    except Turned as turned:
        return turned.answer
    except Exception:
        logger.exception("a request of Slack failed")
        with translation.override(settings.SLACK_LANGUAGE):
            return desk.refused("internal")


def _tell(ask: Ask, answer: Answer) -> None:
    """A late answer; a deployment's message shows what a press did, so only others are told."""
    response = answer.as_response()
    if response and ask.hook:
        calls.tell(ask.hook, response)


def _whisper(ask: Ask, workspace: Workspace, answer: Answer) -> None:
    if answer.message:
        outbox.whisper(workspace, ask.channel, ask.user, ask.key, answer.message, thread=ask.thread)


def _answer_below(ask: Ask, workspace: Workspace, answer: Answer) -> None:
    """The answer to a mention stands in its thread; what only its author may see is whispered there."""
    if not answer.message:
        return
    thread = ask.thread or ask.ts
    if answer.is_public and not answer.is_error:
        outbox.put(workspace, ask.channel, f"answer:{ask.key}"[:80], answer.message, thread=thread)
    else:
        outbox.whisper(workspace, ask.channel, ask.user, ask.key, answer.message, thread=thread)
