"""What is let in at `/slack/events`: requests that Slack signed within the last five minutes. All else is counted.

Checked before anything reads the body: the SDK's verifier raises on what is no number, and Bolt on what is no UTF-8.
"""

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping

from django.conf import settings
from slack_sdk.signature import SignatureVerifier

from deploy_core.ledger import audit

BODY_LIMIT_BYTES = 1024 * 1024
_STAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)

logger = logging.getLogger(__name__)


class Turned(Exception):
    """A request that is not let in: the status it gets, and why, for the audit."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def check(body: bytes, headers: Mapping[str, str]) -> str:
    """The body as text.

    Raises:
        Turned: 413 too large, 401 not signed by Slack just now, 400 no UTF-8.
    """
    if len(body) > BODY_LIMIT_BYTES:
        raise Turned(413, "too_large")
    stamp = headers.get("X-Slack-Request-Timestamp", "")
    signature = headers.get("X-Slack-Signature", "")
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        raise Turned(401, "unsigned")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Turned(400, "no_text") from None
    if not SignatureVerifier(settings.SLACK_SIGNING_SECRET).is_valid(text, stamp, signature):
        raise Turned(401, "bad_signature")
    return text


class Tally:
    """Counts what was turned away. The first of a kind is audited at once, the others together, once in a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def count(self, why: str) -> None:
        """Count one; nothing of the request itself is kept or logged."""
        now = time.monotonic()
        with self._lock:
            self._counts[why] += 1
            if now - self._told.get(why, float("-inf")) < settings.SLACK_AUDIT_S:
                return
            self._told[why] = now
            number, self._counts[why] = self._counts[why], 0
        logger.warning("turned away %d requests at /slack/events: %s", number, why)
        audit.record(None, "slack.request", "/slack/events", why, count=number)


tally = Tally()
