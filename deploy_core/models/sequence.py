"""Contiguous numbers: the head of each stream, taken under its row's lock as the last act of a transaction.

An auto-increment id is handed out before commit, so a reader that keeps "the last id" loses rows for ever;
a number taken by updating the stream's row is in commit order and has no holes (docs/decisions/0003).
"""

import uuid

from django.db import models, transaction

from .statements import fetch


class StreamHead(models.Model):
    """The newest number of one stream, and the oldest that is kept (`floor`)."""

    kind = models.CharField(max_length=12)
    stream_id = models.PositiveBigIntegerField()
    number = models.PositiveBigIntegerField(default=0)
    floor = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "stream_id"), name="stream_head_once"),)

    def __str__(self) -> str:
        return f"{self.kind}:{self.stream_id} at {self.number}"


_ADVANCE = "UPDATE deploy_core_streamhead SET number = number + %s WHERE kind = %s AND stream_id = %s RETURNING number"
#: The same where there is none yet, also if somebody else begins it just now.
_BEGIN = """
    INSERT INTO deploy_core_streamhead (kind, stream_id, number, floor) VALUES (%s, %s, %s, 1)
    ON CONFLICT (kind, stream_id) DO UPDATE SET number = deploy_core_streamhead.number + excluded.number
    RETURNING number
"""


def take(kind: str, stream_id: int, count: int = 1) -> int:
    """Take the next `count` numbers of a stream and return the first; holds the stream's row until commit.

    Call it last in the transaction, and for several streams in the order (kind, id), so that no two
    transactions wait for each other.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("take() outside a transaction would number what may never be stored")
    found = fetch(_ADVANCE, (count, kind, stream_id)) or fetch(_BEGIN, (kind, stream_id, count))
    newest: int = found[0][0]
    return newest - count + 1


def _new_epoch() -> str:
    return uuid.uuid4().hex[:8]


class Installation(models.Model):
    """The one row that says which life of the database this is; a restore makes a new epoch and cursors are reset."""

    epoch = models.CharField(max_length=8, default=_new_epoch)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.epoch


def epoch() -> str:
    """The epoch that every stream carries on the wire."""
    return Installation.objects.get_or_create(pk=1)[0].epoch


def hold_installation() -> None:
    """Lock the installation's row until commit: for what is decided from many rows that others change too."""
    epoch()
    Installation.objects.select_for_update(no_key=True).get(pk=1)
