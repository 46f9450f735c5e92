"""A Slack that speaks HTTP: the methods of its Web API that we call, on a random port, with the limits of the real one.

It keeps workspaces, channels and messages, and does to a call what a test has scripted for it: too many requests, a
fault, silence, or the answer lost on the way after the work was done. `slack_people.py` has the people who type.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.services.slack_http import SlackServer
from tests.services.slack_limits import Json, Rates, of_form, of_message

#: Which scope of a bot token each method wants.
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.info": "channels:read",
    "users.info": "users:read",
}
ALL_SCOPES = ("commands", "chat:write", "chat:write.public", "app_mentions:read", "channels:read", "channels:history")
#: A form may be opened so long after the press or command, once.
TRIGGER_S = 3.0
#: One response_url may be used so often.
HOOK_USES = 5


@dataclass
class Workspace:
    team: str
    token: str
    scopes: tuple[str, ...] = (*ALL_SCOPES, "users:read")
    name: str = "Acme"
    bot_user: str = "UBOT"
    is_revoked: bool = False


@dataclass
class Channel:
    id: str
    name: str = "ops"
    is_private: bool = False
    is_member: bool = True
    is_archived: bool = False
    is_ext_shared: bool = False


@dataclass
class Message:
    channel: str
    ts: str
    text: str
    blocks: list[Json]
    thread: str = ""
    is_broadcast: bool = False
    metadata: Json = field(default_factory=dict)
    edits: int = 0
    is_of_people: bool = False


@dataclass(frozen=True)
class Call:
    at: float
    method: str
    body: Json


@dataclass
class Trouble:
    """What is to happen to the next `times` calls of `method` ("" means any): one of the other fields."""

    method: str
    times: int = 1
    retry_after_s: float | None = None
    status: int = 0
    error: str = ""
    hang_s: float = 0.0
    is_answer_lost: bool = False
    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None


class Refused(Exception):
    """An `ok: false` of Slack."""


class FakeSlack:
    """`calls` are all calls in order, `messages` all messages by channel and `ts`, `hooked` what a response_url got."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self.begin_anew()
        self._server = SlackServer(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def begin_anew(self) -> None:
        """Forget everything, as if it had just been started."""
        self._closing.set()  # whoever still hangs on a call of before
        self._closing = threading.Event()
        self.workspaces: dict[str, Workspace] = {}
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, Json] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.whispers: list[Json] = []
        self.forms: list[Json] = []
        self.hooked: list[Json] = []
        self.calls: list[Call] = []
        self.codes: dict[str, Workspace] = {}
        self.rates = Rates({"chat.postMessage": (1, 1.0), "chat.update": (50, 60.0)})
        self.socket_url = ""
        self._troubles: list[Trouble] = []
        self._triggers: dict[str, float] = {}
        self._hook_uses: dict[str, int] = {}

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def api_url(self) -> str:
        return f"{self.origin}api/"

    @property
    def hooks_url(self) -> str:
        return f"{self.origin}hooks/"

    # --- what tests arrange and look at -----------------------------------------------------------------------------

    def workspace(self, team: str = "T1", **fields: Any) -> Workspace:
        made = self.workspaces[team] = Workspace(team, f"xoxb-{team}-{next(self._numbers)}", **fields)
        return made

    def channel(self, name: str, **fields: Any) -> Channel:
        made = Channel(f"C{next(self._numbers):06d}", name, **fields)
        self.channels[made.id] = made
        return made

    def trouble(self, method: str = "", **fields: Any) -> None:
        """Script what happens to coming calls."""
        with self._lock:
            self._troubles.append(Trouble(method, **fields))

    def be_well(self) -> None:
        with self._lock:
            self._troubles.clear()

    def trigger(self) -> str:
        """A fresh trigger_id, as it comes with a command or a press."""
        with self._lock:
            made = f"{next(self._numbers)}.{next(self._numbers)}.{time.time_ns():x}"
            self._triggers[made] = time.monotonic()
            return made

    def hook(self) -> str:
        """A fresh response_url."""
        return f"{self.hooks_url}commands/{next(self._numbers)}"

    def in_channel(self, channel: str, thread: str = "") -> list[Message]:
        """The messages of a channel that stand in it, or in a thread, the oldest first."""
        with self._lock:
            return [m for m in self.messages.values() if m.channel == channel and m.thread == thread]

    def said(self, channel: str, text: str, thread: str = "") -> Message:
        """A person has written something in a channel."""
        with self._lock:
            made = Message(channel, self._ts(), text, [], thread, is_of_people=True)
            self.messages[channel, made.ts] = made
            return made

    def count(self, method: str) -> int:
        with self._lock:
            return sum(call.method == method for call in self.calls)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def take(self, path: str, token: str, body: Json) -> tuple[int, Json, dict[str, str]] | None:
        """Status, answer and headers; None: the line goes dead."""
        kind, _, method = path.strip("/").partition("/")
        if kind == "hooks":
            return self._take_hook(path, body)
        with self._lock:
            self.calls.append(Call(time.monotonic(), method, body))
            trouble = self._next_trouble(method)
        if trouble and trouble.before:
            trouble.before()
        if trouble and trouble.hang_s:
            self._closing.wait(trouble.hang_s)
        if trouble and trouble.status:
            return trouble.status, {"ok": False, "error": "internal_error"}, {}
        if trouble and trouble.retry_after_s is not None:
            return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": f"{trouble.retry_after_s:g}"}
        if trouble and trouble.error:
            return 200, {"ok": False, "error": trouble.error}, {}
        with self._lock:
            status, answer, headers = self._answer(method, token, body)
        if trouble and trouble.after:
            trouble.after()
        return None if trouble and (trouble.is_answer_lost or trouble.hang_s) else (status, answer, headers)

    def _next_trouble(self, method: str) -> Trouble | None:
        for trouble in self._troubles:
            if trouble.times and trouble.method in ("", method):
                trouble.times -= 1
                return trouble
        return None

    def _take_hook(self, path: str, body: Json) -> tuple[int, Json, dict[str, str]]:
        with self._lock:
            self._hook_uses[path] = self._hook_uses.get(path, 0) + 1
            if self._hook_uses[path] > HOOK_USES:
                return 404, {"ok": False, "error": "used_url"}, {}
            self.hooked.append(body)
            return 200, {"ok": True}, {}

    def _answer(self, method: str, token: str, body: Json) -> tuple[int, Json, dict[str, str]]:
        early_s = self._too_early(method, token, body)
        if early_s > 0:
            return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(max(1, round(early_s + 0.5)))}
        try:
            done = {"ok": True, **self._do(method, token, body)}
            known = next((each for each in self.workspaces.values() if each.token == token), None)
            return 200, done, {"X-OAuth-Scopes": ",".join(known.scopes)} if known else {}
        except Refused as refused:
            return 200, {"ok": False, "error": str(refused)}, {}

    def _too_early(self, method: str, token: str, body: Json) -> float:
        where = (token, body.get("channel", "")) if method == "chat.postMessage" else (token,)
        return self.rates.take(method, *where, now=time.monotonic())

    def _do(self, method: str, token: str, body: Json) -> Json:
        if method == "oauth.v2.access":
            return self._exchange(body)
        if method == "apps.connections.open":
            return {"url": self.socket_url}
        workspace = next((each for each in self.workspaces.values() if each.token == token), None)
        if workspace is None:
            raise Refused("invalid_auth")
        if workspace.is_revoked:
            raise Refused("token_revoked")
        if method in SCOPES and SCOPES[method] not in workspace.scopes:
            raise Refused("missing_scope")
        match method:
            case "auth.test":
                return {
                    "team_id": workspace.team, "team": workspace.name, "user_id": workspace.bot_user, "bot_id": "B1",
                    "url": "https://acme.slack.example/", "user": "deploy",
                }  # fmt: skip
            case "auth.revoke":
                workspace.is_revoked = True
                return {"revoked": True}
            case "users.info":
                return {"user": {"id": body["user"], **self.users.get(body["user"], {})}}
            case "conversations.info":
                return {"channel": vars(self._channel(body.get("channel", "")))}
            case "conversations.history" | "conversations.replies":
                return self._read(body)
            case "chat.postMessage":
                return self._post(body, workspace)
            case "chat.update":
                return self._update(body)
            case "chat.delete":
                if self.messages.pop((body["channel"], body["ts"]), None) is None:
                    raise Refused("message_not_found")
                return {"channel": body["channel"], "ts": body["ts"]}
            case "chat.postEphemeral":
                self._channel(body["channel"])
                self._check(of_message(body))
                self.whispers.append(body)
                return {"message_ts": self._ts()}
            case "views.open":
                return self._open(body)
        raise Refused("unknown_method")

    def _exchange(self, body: Json) -> Json:
        workspace = self.codes.pop(body.get("code", ""), None)
        if workspace is None:
            raise Refused("invalid_code")
        return {
            "app_id": "A1", "access_token": workspace.token, "token_type": "bot", "scope": ",".join(workspace.scopes),
            "bot_user_id": workspace.bot_user, "team": {"id": workspace.team, "name": workspace.name},
            "enterprise": None, "authed_user": {"id": "U1"}, "is_enterprise_install": False,
        }  # fmt: skip

    def _channel(self, name: str) -> Channel:
        if name.startswith(("U", "D")):
            return Channel(name, "directmessage")
        channel = self.channels.get(name)
        if channel is None:
            raise Refused("channel_not_found")
        if channel.is_archived:
            raise Refused("is_archived")
        return channel

    def _check(self, error: str) -> None:
        if error:
            raise Refused(error)

    def _ts(self) -> str:
        return f"{int(time.time())}.{next(self._numbers):06d}"

    def _post(self, body: Json, workspace: Workspace) -> Json:
        channel = self._channel(body["channel"])
        if not channel.is_member and (channel.is_private or "chat:write.public" not in workspace.scopes):
            raise Refused("not_in_channel")
        self._check(of_message(body))
        thread = body.get("thread_ts") or ""
        if thread and (channel.id, thread) not in self.messages:
            raise Refused("thread_not_found")
        made = Message(
            channel.id, self._ts(), body.get("text", ""), body.get("blocks") or [], thread,
            bool(body.get("reply_broadcast")), body.get("metadata") or {},
        )  # fmt: skip
        self.messages[channel.id, made.ts] = made
        return {"channel": channel.id, "ts": made.ts}

    def _update(self, body: Json) -> Json:
        message = self.messages.get((body["channel"], body["ts"]))
        if message is None:
            raise Refused("message_not_found")
        if message.is_of_people:
            raise Refused("cant_update_message")
        self._check(of_message(body))
        message.text, message.blocks = body.get("text", ""), body.get("blocks") or []
        message.edits += 1
        return {"channel": message.channel, "ts": message.ts}

    def _read(self, body: Json) -> Json:
        channel = self._channel(body.get("channel", ""))
        if not channel.is_member:
            raise Refused("not_in_channel")
        thread = body.get("ts") or ""
        found = [
            m for m in self.messages.values() if m.channel == channel.id and (m.thread == thread or m.ts == thread)
        ]
        found = [m for m in found if float(m.ts) >= float(body.get("oldest") or 0)]
        newest = found[::-1][: int(body.get("limit") or 100)]
        with_metadata = str(body.get("include_all_metadata", "")).lower() in ("1", "true")
        return {
            "messages": [
                {"ts": m.ts, "text": m.text, "bot_id": "B1"} | ({"metadata": m.metadata} if with_metadata else {})
                for m in (found if thread else newest)
            ]
        }

    def _open(self, body: Json) -> Json:
        given = self._triggers.pop(body["trigger_id"], None)
        if given is None:
            raise Refused("invalid_trigger_id")
        if time.monotonic() - given > TRIGGER_S:
            raise Refused("expired_trigger_id")
        self._check(of_form(body["view"]))
        view = {"id": f"V{next(self._numbers)}", "hash": f"h{next(self._numbers)}", **body["view"]}
        self.forms.append(view)
        return {"view": view}


@contextmanager
def running() -> Iterator[FakeSlack]:
    slack = FakeSlack()
    try:
        yield slack
    finally:
        slack.close()
