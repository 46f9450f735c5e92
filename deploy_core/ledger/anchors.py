"""Heads of the audit chain, kept where whoever can write to the database cannot: in a file, and in a room.

A chain of hashes tells of an edit, but not of a tail that was cut off, nor of a chain that was written anew. A signed
head does: the row of its number must be there, with its hash.
"""

import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from deploy_core import sealing
from deploy_core.models import AuditAnchor, AuditEntry

from . import audit

logger = logging.getLogger(__name__)

_ABOUT = "audit"


class Finding(NamedTuple):
    """What `verify` found. `bad` names the first row that is wrong or missing, `why` is a code, "" when all is well.

    `good` rows stand from the first on; `anchored` is the number of the newest head that was found outside.
    """

    good: int
    bad: int | None
    why: str
    anchored: int


def is_due() -> bool:
    """Whether the newest head lies further back than AUDIT_ANCHOR_S and something was written since."""
    last = AuditAnchor.objects.last()
    head = AuditEntry.objects.last()
    if head is None or (last is not None and last.number >= head.number):
        return False
    return last is None or timezone.now() - last.at >= timedelta(seconds=settings.AUDIT_ANCHOR_S)


def drop() -> AuditAnchor | None:
    """Write the head down: a row, and a line of the file. None when somebody else just did, or there is none."""
    head = AuditEntry.objects.last()
    if head is None:
        return None
    signature = sealing.sign(_told(head.number, head.hash), about=_ABOUT)
    try:
        with transaction.atomic():
            anchor = AuditAnchor.objects.create(
                number=head.number, hash=head.hash, signature=signature, at=timezone.now()
            )
    except IntegrityError:
        return None
    _append(anchor)
    return anchor


def verify(*, head: str = "") -> Finding:
    """Walk the chain, then hold it against the heads of the file, and `head` (`NUMBER:HASH`, as a room was told it).

    Why it is wrong: `edited` (a row is not what it was, or one before it is missing), `tail_missing`,
    `head_forged` (a line of the file is not ours), `head_differs` (the row of a head's number has another hash).

    A line whose key has left the ring is held against its row too, but proves nothing: anybody can write one. So the
    newest must be signed with a key that is there; `keys rotate` writes such a one.
    """
    found = _read()  # before the walk: a head that is written down meanwhile may be of a row behind its end
    verdict = audit.verify()
    signed = {line: sealing.is_signed(line[2], _told(*line[:2]), about=_ABOUT) for line in found}
    anchored = max((number for (number, *_), is_ours in signed.items() if is_ours), default=0)
    if verdict.broken_at is not None:
        is_cut = not AuditEntry.objects.filter(number__gte=verdict.broken_at).exists()
        return Finding(verdict.good, verdict.broken_at, "tail_missing" if is_cut else "edited", anchored)
    newest = max(found, default=None)
    heads = [(number, digest) for number, digest, _ in found]
    if head:
        numeral, _, told = head.partition(":")
        heads.append((int(numeral) if numeral.isdecimal() else 0, told))
    there = [number for number, _ in heads if number <= verdict.good]
    hashes = dict(AuditEntry.objects.filter(number__in=there).values_list("number", "hash"))
    if forged := [line for line, is_ours in signed.items() if is_ours is False or (line == newest and not is_ours)]:
        return Finding(verdict.good, min(forged)[0] or None, "head_forged", anchored)
    for number, digest in sorted(heads):
        if not number:
            return Finding(verdict.good, None, "head_forged", anchored)
        if number > verdict.good:
            return Finding(verdict.good, verdict.good + 1, "tail_missing", anchored)
        if hashes.get(number) != digest:
            return Finding(verdict.good, number, "head_differs", anchored)
    return Finding(verdict.good, None, "", anchored)


def _told(number: int, digest: str) -> bytes:
    return f"{number}:{digest}".encode()


def _append(anchor: AuditAnchor) -> None:
    line = json.dumps(
        {"number": anchor.number, "hash": anchor.hash, "signature": anchor.signature, "at": anchor.at.isoformat()}
    )
    path = Path(settings.AUDIT_ANCHORS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{line}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        logger.error("the audit's head %d could not be written to %s: %s", anchor.number, path, error.strerror)


def _read() -> list[tuple[int, str, str]]:
    """Number, hash and signature of each line; a line that is none of ours has the number 0."""
    path = Path(settings.AUDIT_ANCHORS)
    found = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            told = json.loads(line)
            found.append((int(told["number"]), str(told["hash"]), str(told["signature"])))
        except (ValueError, TypeError, KeyError):
            found.append((0, "", ""))
    return found
