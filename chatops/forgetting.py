"""What is over is forgotten: sessions and the visits that go with them, sign-ins, answers, and what rooms were told.

Each process that serves does it once in a while; that two do it at once harms nobody. What was deployed, said or
audited is kept.
"""

import time
from datetime import timedelta

from axes.models import AccessLog
from django.conf import settings
from django.utils import timezone

from chatops.accounts import memory, visits
from deploy_core.models import Notice
from deploy_core.run import errands

_next_at = 0.0


def tick() -> None:
    """Do it, unless this process has within `FORGET_S`."""
    global _next_at
    now = time.monotonic()
    if now >= _next_at:
        _next_at = now + settings.FORGET_S
        forget()


def forget() -> None:
    """Drop what ended, and what nobody asked for again in `KEEP_DAYS`."""
    visits.forget()
    memory.forget()
    old = timezone.now() - timedelta(days=settings.KEEP_DAYS)
    AccessLog.objects.filter(attempt_time__lt=old).delete()
    errands.forget(old)
    Notice.objects.filter(told__lt=old).delete()
