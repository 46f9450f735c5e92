"""What a person is told in answer to a request of Slack, and how it reaches them after the acknowledgement."""

from dataclasses import dataclass, field, replace
from typing import Any

from bot import phrases
from chatops.slack import blocks, calls, outbox
from chatops.slack.asks import Ask
from chatops.slack.blocks import Json
from chatops.slack.models import Workspace

#: A code of the phrases, its parameters, and whether it is a refusal.
Told = tuple[str, dict[str, Any], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person is told. `is_public`: the whole channel is. `is_error`: nothing was done.

    `is_final`: the same request again gets the same answer; one that is not may come out otherwise a minute later.
    """

    message: Json = field(default_factory=dict)
    is_public: bool = False
    is_error: bool = False
    text: str = ""
    is_final: bool = True

    def as_json(self) -> Json:
        return {"message": self.message, "is_public": self.is_public, "is_error": self.is_error, "text": self.text}

    def as_response(self) -> Json:
        """As Slack wants it in an acknowledgement or at a response_url; empty for nothing to say."""
        if not self.message:
            return {}
        kind = "in_channel" if self.is_public and not self.is_error else "ephemeral"
        return {"response_type": kind, "replace_original": False, **self.message}


class Turned(Exception):
    """Nothing is run; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = replace(answer, is_final=False)


def told(code: str, params: Json, is_error: bool = False) -> Answer:
    """An answer that is no reply of the bot."""
    return Answer(blocks.reply(code, params), is_error=is_error, text=phrases.render(code, params))


def refused(code: str, **params: Any) -> Answer:
    return told(code, params, is_error=True)


def give(ask: Ask, workspace: Workspace, answer: Answer) -> None:
    """Bring what no acknowledgement carries to whoever asked: where they typed or pressed, or by the outbox."""
    if not answer.message:
        return
    if ask.kind == "mention":
        _below(ask, workspace, answer)
    elif not (ask.hook and calls.tell(ask.hook, answer.as_response())):
        outbox.whisper(workspace, ask.channel, ask.user, ask.digest, answer.message, thread=ask.thread)


def _below(ask: Ask, workspace: Workspace, answer: Answer) -> None:
    """The answer to a mention stands in its thread; what only its author may see is whispered there."""
    thread = ask.thread or ask.ts
    if answer.is_public and not answer.is_error:
        outbox.put(workspace, ask.channel, f"answer:{ask.digest}", answer.message, thread=thread)
    else:
        outbox.whisper(workspace, ask.channel, ask.user, ask.digest, answer.message, thread=thread)
