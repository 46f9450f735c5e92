"""Whether the database is the one that this data folder saw last, or an older one that somebody put back.

The data folder keeps the epoch and how far the audit went. A database that is behind that is a backup, and pages that
are open know more than it does: it begins another life, so that they forget what they have (`Installation`).
"""

import logging
import os
import uuid
from pathlib import Path

from django.conf import settings

from deploy_core.models import sequence
from deploy_core.models.sequence import Installation, StreamHead

logger = logging.getLogger(__name__)


def begin() -> bool:
    """Look once at the start of a process; whether the database had gone back, and has begun another life."""
    known, head = _read(), _head()
    is_older = known is not None and known[0] == sequence.epoch() and head < known[1]
    if is_older:
        begin_another()
        logger.warning(
            "the database is older than %s knows it: run `manage.py restored` with all engines stopped", _path()
        )
    note()
    return is_older


def begin_another() -> None:
    """Give the database another epoch."""
    Installation.objects.update_or_create(pk=1, defaults={"epoch": uuid.uuid4().hex[:8]})


def note() -> None:
    """Keep how far it is, if that changed."""
    now = (sequence.epoch(), _head())
    if _read() == now:
        return
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(f"{now[0]} {now[1]}\n")
    part.replace(path)


def _path() -> Path:
    return Path(settings.SHIPROOM_DATA) / "epoch"


def _head() -> int:
    return StreamHead.objects.filter(kind="audit", stream_id=0).values_list("number", flat=True).first() or 0


def _read() -> tuple[str, int] | None:
    try:
        epoch, _, head = _path().read_text().strip().partition(" ")
        return epoch, int(head)
    except (OSError, ValueError):
        return None
