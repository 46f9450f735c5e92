"""Sends what the outbox holds: what is due, how far apart, and what to do with each answer of Slack.

Nothing here is felt by a deployment: it happens in a thread of its own, from rows, and what fails is tried again later.
"""

import hashlib
import json
import logging
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from chatops.room.models import Stream
from chatops.room.streams import heads
from chatops.slack import calls, mirror, pace, rejected, workspaces
from chatops.slack.blocks import Json
from chatops.slack.models import Post, Workspace
from chatops.slack.rejected import keep
from deploy_core.models import Deployment
from deploy_core.rules.status import ACTIVE, ENDED
from deploy_core.sealing import SealError

logger = logging.getLogger(__name__)

#: A post that we could not send so often, by a fault of ours, is given up.
MOST_FAULTS = 5
METADATA = "shiproom_post"
#: Messages that are looked through for one of ours.
LOOK_AT = 200
#: A clock of ours and Slack's may differ by so much.
SKEW_S = 300


class Sender:
    """One process that sends. It knows when it last spoke where; all else stands in rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._free: dict[tuple[int, str], float] = {}
        self._edits: dict[int, deque[float]] = {}
        self._held: dict[int, float] = {}

    def round(self) -> float:
        """Send what is due in every workspace; how many seconds until something else is, at most a tick."""
        wait_s = float(settings.SLACK_TICK_S)
        for workspace in Workspace.objects.filter(removed__isnull=True, trouble=""):
            try:
                wait_s = min(wait_s, self._work_off(workspace))
            except Exception:
                logger.exception("could not send to %s; the next round tries again", workspace.team)
        return wait_s

    def _work_off(self, workspace: Workspace) -> float:
        """One workspace: seconds until its next message is due."""
        workspaces.tell_if_behind(workspace)
        has_news = mirror.news(workspace)
        if not has_news:
            post, wait_s = self._next(workspace)
            if post is None:  # nothing is written, not even a lease, however often deployments wake us
                return wait_s
        if not self._lease(workspace):
            return float(settings.SLACK_TICK_S)
        if has_news:
            mirror.read(workspace)
        while True:
            workspace.refresh_from_db()
            if not workspace.is_open:
                self._give_back(workspace)
                return float(settings.SLACK_TICK_S)
            post, wait_s = self._next(workspace)
            if post is None or not self._lease(workspace):
                self._give_back(workspace)
                return wait_s
            self._send(post)

    # --- who sends ----------------------------------------------------------------------------------------------------
    def _lease(self, workspace: Workspace) -> bool:
        """Be the one who sends, for a while; False when another process is. A fresh lease is not written again."""
        if time.monotonic() - self._held.get(workspace.pk, float("-inf")) < settings.SLACK_LEASE_S / 3:
            return True
        now = timezone.now()
        free = Q(drained_by=self.name) | Q(drained_until__isnull=True) | Q(drained_until__lt=now)
        until = now + timedelta(seconds=settings.SLACK_LEASE_S)
        row = Workspace.objects.filter(free, pk=workspace.pk)
        if not row.update(drained_by=self.name, drained_until=until):
            return False
        self._held[workspace.pk] = time.monotonic()
        return True

    def _give_back(self, workspace: Workspace) -> None:
        self._held.pop(workspace.pk, None)
        Workspace.objects.filter(pk=workspace.pk, drained_by=self.name).update(drained_until=None)

    # --- what is due --------------------------------------------------------------------------------------------------
    def _next(self, workspace: Workspace) -> tuple[Post | None, float]:
        """The post to send now, or how long nothing is due: ends first, then what is new, then how things go."""
        now = timezone.now()
        if workspace.quiet_until and workspace.quiet_until > now:
            return None, (workspace.quiet_until - now).total_seconds()
        posts = list(
            _to_look_at(workspace).select_related("workspace", "channel", "under", "deployment").order_by("pk")
        )
        edits = self._edits_due(workspace, [post for post in posts if post.ts and post.deployment_id], now)
        edits += self._words_due(workspace, [post for post in posts if post.ts and not post.deployment_id], now)
        fresh = self._fresh_due([post for post in posts if not post.ts], now)
        ends = [(at, post) for at, post in edits if post.deployment and post.deployment.status in ENDED]
        waits = [float(settings.SLACK_TICK_S)]
        for at, post in [*ends, *fresh, *edits]:
            if at <= now:
                return post, 0.0
            waits.append((at - now).total_seconds())
        return None, max(0.0, min(waits))

    def _fresh_due(self, posts: Iterable[Post], now: datetime) -> list[tuple[datetime, Post]]:
        """The first that waits in each place, and when it may go: about one message a second. What people say to each
        other goes when nothing else is to be told there.
        """
        first: dict[str, Post] = {}
        for post in sorted(posts, key=lambda post: (post.said_id is not None, post.pk)):
            first.setdefault(post.place, post)
        found = []
        for place, post in first.items():
            pause_s = self._free.get((post.workspace_id, place), 0.0) - time.monotonic()
            at = now + timedelta(seconds=max(0.0, pause_s))
            if post.begun:  # Slack may still be busy with it
                at = max(at, post.begun + timedelta(seconds=settings.SLACK_UNSURE_S))
            found.append((max(at, post.not_before or at), post))
        return found

    def _edits_due(self, workspace: Workspace, cards: list[Post], now: datetime) -> list[tuple[datetime, Post]]:
        """The cards whose journal has grown, and when each may be drawn again.

        A new status comes soon. Steps come less and less often, the longer a deployment runs (`pace.py`).
        """
        streams = {post.pk: Stream("deployment", post.deployment_id or 0) for post in cards}
        known = heads(list(streams.values())) if cards else {}
        grown = [post for post in cards if known[streams[post.pk]].number > post.number]
        if not grown:
            return []
        busy = Deployment.objects.filter(slack_posts__workspace=workspace, status__in=ACTIVE).distinct().count()
        gap_s = settings.SLACK_EDIT_GAP_S * max(1.0, 0.75 * busy)
        free = self._budget(workspace, now)
        found = []
        for post in grown:
            at = max(post.not_before or now, free)
            if post.deployment and post.deployment.status == post.status:
                step_at = _step_edit_at(post, post.deployment, now, gap_s)
                if step_at is None:
                    continue
                at = max(at, step_at)
            found.append((at, post))
        return found

    def _words_due(self, workspace: Workspace, posts: list[Post], now: datetime) -> list[tuple[datetime, Post]]:
        """What people said, where they have changed it or taken it back since."""
        free = self._budget(workspace, now)
        return [(max(post.not_before or now, free), post) for post in posts]

    def _budget(self, workspace: Workspace, now: datetime) -> datetime:
        """From when on Slack takes another edit of the workspace."""
        edits = self._edits.setdefault(workspace.pk, deque(maxlen=settings.SLACK_EDITS_PER_MINUTE))
        if len(edits) < settings.SLACK_EDITS_PER_MINUTE:
            return now
        return now + timedelta(seconds=max(0.0, edits[0] + 60.0 - time.monotonic()))

    # --- one call -----------------------------------------------------------------------------------------------------
    def _send(self, post: Post) -> None:
        """Make the call that a post wants, and keep what came of it."""
        try:
            if post.ts and post.is_gone:
                self._take_back(post)
            elif post.ts:
                self._edit(post)
            elif post.begun and not post.whisper_to:
                self._look(post)
            else:
                self._post(post)
        except calls.Limited as limited:
            _quiet(post.workspace, limited.after_s)
            keep(post, begun=None if not post.ts else post.begun)
        except calls.Unsure as unsure:
            pause_s = min(settings.SLACK_RETRY_S * 2**post.tries, settings.SLACK_RETRY_MOST_S)
            pause_s = max(pause_s, settings.SLACK_UNSURE_S)
            logger.warning("slack did not answer for %s (%s); again in %.0f s", post.key, unsure, pause_s)
            _quiet(post.workspace, pause_s)
            keep(post, tries=post.tries + 1)
        except calls.Refused as refused:
            rejected.give_way(post, refused.error)
        except SealError as error:
            logger.error("the token of %s does not open: %s", post.workspace.team, error)
            _quiet(post.workspace, settings.SLACK_RETRY_MOST_S)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("could not send %s", post.key)
            _stumble(post)

    def _post(self, post: Post) -> None:
        message, kept = _drawn(post)
        where: Json = {"channel": post.place}
        thread = post.under.ts if post.under else post.thread
        if thread:
            where |= {"thread_ts": thread} | ({"reply_broadcast": True} if post.is_broadcast else {})
        keep(post, begun=timezone.now())
        self._free[post.workspace_id, post.place] = time.monotonic() + settings.SLACK_POST_GAP_S
        if post.whisper_to:
            calls.call(post.workspace, "chat.postEphemeral", user=post.whisper_to, **where, **message)
            keep(post, is_done=True, payload={})  # it may have held a link that is for one person alone
            return
        about = {"event_type": METADATA, "event_payload": {"post": post.pk, "key": post.key}}
        sent = calls.call(
            post.workspace,
            "chat.postMessage",
            metadata=about,
            unfurl_links=False,
            unfurl_media=False,
            **where,
            **message,
        )
        self._sent(post, str(sent["ts"]), message, kept)

    def _edit(self, post: Post) -> None:
        message, kept = _drawn(post)
        if _digest(message) != post.digest:
            self._count_edit(post)
            place = post.channel.channel if post.channel else post.place
            calls.call(post.workspace, "chat.update", channel=place, ts=post.ts, **message)
        self._sent(post, post.ts, message, kept)

    def _take_back(self, post: Post) -> None:
        self._count_edit(post)
        calls.call(post.workspace, "chat.delete", channel=post.place, ts=post.ts)
        keep(post, is_done=True, payload={})

    def _count_edit(self, post: Post) -> None:
        edits = self._edits.setdefault(post.workspace_id, deque(maxlen=settings.SLACK_EDITS_PER_MINUTE))
        edits.append(time.monotonic())

    def _sent(self, post: Post, ts: str, message: Json, kept: dict[str, Any]) -> None:
        is_of_steps = bool(post.ts) and kept.get("status") == post.status and _digest(message) != post.digest
        is_done = not post.deployment_id or kept["status"] in ENDED
        after = timezone.now() + timedelta(seconds=settings.SLACK_EDIT_GAP_S)
        edits = post.edits + is_of_steps
        kept = kept if post.deployment_id else {"payload": {}}  # it is not needed any more, and may hold a link
        keep(post, ts=ts, digest=_digest(message), tries=0, edits=edits, not_before=after, is_done=is_done, **kept)

    def _look(self, post: Post) -> None:
        """Whether Slack has a message of which nobody knows: found, it is ours; else it is sent once more."""
        begun = post.begun or timezone.now()
        thread = post.under.ts if post.under else post.thread
        oldest = f"{begun.timestamp() - SKEW_S:.6f}"
        where: Json = {"channel": post.place, "limit": LOOK_AT, "include_all_metadata": True, "oldest": oldest}
        method = "conversations.replies" if thread else "conversations.history"
        try:
            found = calls.ask(post.workspace, method, **where, **({"ts": thread} if thread else {}))["messages"]
        except calls.Refused:  # we may not look
            found = []
        for message in found:
            about = message.get("metadata") or {}
            if about.get("event_type") == METADATA and about.get("event_payload", {}).get("post") == post.pk:
                is_done = post.deployment_id is None and post.said_id is None
                keep(post, ts=str(message["ts"]), tries=0, not_before=None, is_done=is_done, number=0)
                return
        if post.is_gone:
            keep(post, is_done=True)
        else:
            self._post(post)


def _step_edit_at(post: Post, deployment: Deployment, now: datetime, gap_s: float) -> datetime | None:
    """When a card whose status has not changed may be drawn again; None: when it changes."""
    last = (post.not_before or now) - timedelta(seconds=settings.SLACK_EDIT_GAP_S)
    began = deployment.started or post.begun or post.created
    longest_s, most = settings.SLACK_EDIT_GAP_MOST_S, settings.SLACK_STEP_EDITS
    age_s = (last - began).total_seconds()
    pause_s = pace.pause_s(age_s, post.edits, gap_s=gap_s, longest_s=longest_s, most=most)
    return None if pause_s is None else last + timedelta(seconds=pause_s)


def _drawn(post: Post) -> tuple[Json, dict[str, Any]]:
    """What a post says now; of a card also what to keep of it."""
    return mirror.draw(post.workspace, post.deployment_id) if post.deployment_id else (post.payload, {})


def _to_look_at(workspace: Workspace) -> QuerySet[Post]:
    """What is not done; of what people say, where it piles up, the first in each place."""
    left = Post.objects.filter(workspace=workspace, is_done=False)
    firsts = left.filter(said__isnull=False, ts="").order_by().values("place").annotate(first=Min("pk"))
    return left.filter(Q(said__isnull=True) | ~Q(ts="") | Q(pk__in=firsts.values("first")))


def _stumble(post: Post) -> None:
    """A fault of ours: again later, a few times; then it stands in nobody's way."""
    tries = post.tries + 1
    pause = timedelta(seconds=min(settings.SLACK_RETRY_S * 2**tries, settings.SLACK_RETRY_MOST_S))
    is_over = tries >= MOST_FAULTS
    keep(post, tries=tries, not_before=timezone.now() + pause, is_done=is_over, trouble="internal" if is_over else "")


def _quiet(workspace: Workspace, seconds: float) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    Workspace.objects.filter(pk=workspace.pk).update(quiet_until=until)


def _digest(message: Json) -> str:
    return hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()
