"""People in the fake Slack: what they type and press goes out as Slack sends it, signed by the SDK's own signer.

Slack gives an app three seconds to acknowledge, and repeats an event that was not acknowledged; `Delivery` keeps how it
went.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from slack_sdk.signature import SignatureVerifier

from tests.services.slack import FakeSlack
from tests.services.slack_limits import Json

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ACK_S = 3.0

#: Sends a body with headers to where the app listens; the status and body of its answer.
Send = Callable[[bytes, dict[str, str]], tuple[int, bytes]]


@dataclass(frozen=True)
class Delivery:
    """What was sent, and what the app answered within `took_s`."""

    body: bytes
    headers: dict[str, str]
    status: int
    answer: bytes
    took_s: float

    @property
    def told(self) -> Json:
        """The answer as JSON; empty for an empty one."""
        found: Json = json.loads(self.answer) if self.answer else {}
        return found

    @property
    def is_in_time(self) -> bool:
        return self.took_s < ACK_S


class Mail:
    """Signs and sends."""

    def __init__(self, secret: str, send: Send) -> None:
        self._signer = SignatureVerifier(secret)
        self._send = send

    def signed(self, body: bytes, *, at: int | None = None, kind: str = FORM, **more: str) -> dict[str, str]:
        """The headers that Slack sends with `body`."""
        stamp = str(int(time.time()) if at is None else at)
        signature = self._signer.generate_signature(timestamp=stamp, body=body) or ""
        return {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature, **more}

    def form(self, fields: Mapping[str, str], **more: str) -> Delivery:
        body = urlencode(fields).encode()
        return self.raw(body, self.signed(body, **more))

    def event(self, payload: Json, **more: str) -> Delivery:
        body = json.dumps(payload).encode()
        return self.raw(body, self.signed(body, kind=JSON, **more))

    def raw(self, body: bytes, headers: dict[str, str]) -> Delivery:
        began = time.monotonic()
        status, answer = self._send(body, headers)
        return Delivery(body, headers, status, answer, time.monotonic() - began)

    def again(self, delivery: Delivery, **more: str) -> Delivery:
        """The very same request once more."""
        return self.raw(delivery.body, {**delivery.headers, **more})


@dataclass
class Someone:
    """A Slack user in front of a channel."""

    slack: FakeSlack
    mail: Mail
    user: str = "U1"
    team: str = "T1"
    channel: str = "C1"
    fields: dict[str, str] = field(default_factory=dict)

    def command(self, text: str, **changes: str) -> Delivery:
        """`/deploy text`."""
        return self.mail.form(
            {
                "command": "/deploy", "text": text, "team_id": self.team, "team_domain": "acme",
                "channel_id": self.channel, "channel_name": "ops", "user_id": self.user, "user_name": "somebody",
                "api_app_id": "A1", "trigger_id": self.slack.trigger(), "response_url": self.slack.hook(),
                **self.fields, **changes,
            }
        )  # fmt: skip

    def press(self, ts: str, action: str, value: str, **changes: Any) -> Delivery:
        """A button of the message `ts`; `changes` replace parts of the payload."""
        payload: Json = {
            "type": "block_actions",
            "team": {"id": self.team, "domain": "acme"},
            "user": {"id": self.user, "team_id": self.team, "username": "somebody"},
            "api_app_id": "A1",
            "trigger_id": self.slack.trigger(),
            "response_url": self.slack.hook(),
            "channel": {"id": self.channel, "name": "ops"},
            "container": {"type": "message", "message_ts": ts, "channel_id": self.channel, "is_ephemeral": False},
            "message": {"ts": ts, "text": ""},
            "actions": [
                {
                    "type": "button", "action_id": action, "block_id": "b", "value": value,
                    "action_ts": f"{time.time():.6f}",
                }
            ],
            **changes,
        }  # fmt: skip
        return self.mail.form({"payload": json.dumps(payload)})

    def submit(self, view: Json, values: Mapping[str, str]) -> Delivery:
        """A form, filled in: block id to value. A select's value is an option's."""
        state: dict[str, Json] = {}
        for block in view["blocks"]:
            element = block.get("element")
            if element is None:
                continue
            given = values.get(block["block_id"])
            if element["type"] == "plain_text_input":
                said: Json = {"type": element["type"], "value": given}
            else:
                said = {"type": element["type"], "selected_option": {"value": given} if given else None}
            state[block["block_id"]] = {element["action_id"]: said}
        payload = {
            "type": "view_submission",
            "team": {"id": self.team, "domain": "acme"},
            "user": {"id": self.user, "team_id": self.team},
            "api_app_id": "A1",
            "trigger_id": self.slack.trigger(),
            "view": {**view, "state": {"values": state}},
        }
        return self.mail.form({"payload": json.dumps(payload)})

    def shortcut(self, callback: str) -> Delivery:
        payload = {
            "type": "shortcut", "callback_id": callback, "team": {"id": self.team, "domain": "acme"},
            "user": {"id": self.user, "team_id": self.team}, "action_ts": f"{time.time():.6f}",
            "trigger_id": self.slack.trigger(),
        }  # fmt: skip
        return self.mail.form({"payload": json.dumps(payload)})

    def mention(self, text: str, *, thread: str = "", event: str = "", **more: str) -> Delivery:
        """`@deploy text`, in a thread or not."""
        said: Json = {"type": "app_mention", "user": self.user, "text": f"<@UBOT> {text}", "channel": self.channel}
        said |= {"ts": f"{time.time():.6f}", "team": self.team, "event_ts": f"{time.time():.6f}"}
        return self.event(said | ({"thread_ts": thread} if thread else {}), event=event, **more)

    # --- what people say to each other ------------------------------------------------------------------------------

    def say(self, text: str, *, thread: str = "", **fields: Any) -> tuple[Json, Delivery]:
        """A message in the channel: as Slack tells of it, and how that was taken."""
        ts = self.slack.said(self.channel, text, thread).ts
        said: Json = {"type": "message", "user": self.user, "text": text, "ts": ts, "team": self.team}
        said |= {"thread_ts": thread} if thread else {}
        told = {**said, "channel": self.channel, "channel_type": "channel", "event_ts": ts, **fields}
        return told, self.event(told)

    def rewrite(self, said: Json, text: str) -> Delivery:
        """What was said says something else now."""
        self.slack.messages[self.channel, said["ts"]].text = text
        before = {name: said[name] for name in said if name not in ("channel", "channel_type", "event_ts")}
        after = {**before, "text": text, "edited": {"user": self.user, "ts": f"{time.time():.6f}"}}
        return self._about(said, "message_changed", message=after, previous_message=before)

    def take_back(self, said: Json) -> Delivery:
        """What was said is gone."""
        del self.slack.messages[self.channel, said["ts"]]
        return self._about(said, "message_deleted", deleted_ts=said["ts"], previous_message=said)

    def _about(self, said: Json, subtype: str, **fields: Any) -> Delivery:
        told = {"type": "message", "subtype": subtype, "hidden": True, "channel": self.channel}
        return self.event({**told, "channel_type": "channel", "ts": f"{time.time():.6f}", **fields})

    def event(self, event_body: Json, *, event: str = "", **more: str) -> Delivery:
        """Anything of the Events API."""
        envelope = {
            "type": "event_callback", "team_id": self.team, "api_app_id": "A1", "event": event_body,
            "event_id": event or f"Ev{time.time_ns():x}", "event_time": int(time.time()),
            "authorizations": [{"team_id": self.team, "user_id": "UBOT", "is_bot": True}],
        }  # fmt: skip
        return self.mail.event(envelope, **more)
