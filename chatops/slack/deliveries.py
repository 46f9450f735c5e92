"""Requests of Slack as rows: each is answered once, however often it comes, and whoever dies meanwhile."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from chatops.slack.answers import Answer, Turned, refused
from chatops.slack.asks import Ask
from chatops.slack.models import Delivery, Workspace
from deploy_core import sealing
from deploy_core.sealing import SealError

logger = logging.getLogger(__name__)

#: A claim on a press whose work never ended is another's after so long; where the request is not kept, so that nobody
#: takes it over from a process that died, this soon.
CLAIM_S, LOOSE_CLAIM_S = 60, 10
#: Strays that are looked after at once.
MOST_STRAYS = 20


def answer_of(ask: Ask) -> Answer | None:
    """What the same request was answered before; None: it is new, or still worked on."""
    found = Delivery.objects.filter(key=ask.digest).values_list("answer", flat=True).first()
    return Answer(**found) if found else None


def keep(ask: Ask, workspace: Workspace) -> None:
    """Keep a request that Slack is told we work on until its answer has gone out (`settle`), sealed: it may hold a
    secret that somebody pasted, and it holds an address at which we may speak.

    Raises:
        SealError: the key ring cannot be used.
    """
    now = timezone.now()
    told = {"workspace": workspace.pk, "ask": asdict(ask)}
    sealed = sealing.seal(json.dumps(told).encode(), about=_about(ask.digest))
    came = now - timedelta(seconds=max(0.0, time.monotonic() - ask.began))
    row = Delivery(key=ask.digest, at=came, taken=now, sealed=sealed)
    Delivery.objects.bulk_create([row], ignore_conflicts=True)
    Delivery.objects.filter(by=ask.digest, answer={}).update(at=now)


def settle(ask: Ask, answer: Answer) -> None:
    """The request is answered. The same one again gets this answer; after one that is not final it is new."""
    if answer.is_final:
        row = Delivery(key=ask.digest, at=timezone.now(), answer=answer.as_json())
        fields = ("answer", "sealed", "taken")
        Delivery.objects.bulk_create([row], update_conflicts=True, unique_fields=["key"], update_fields=fields)
    else:
        Delivery.objects.filter(key=ask.digest, answer={}).delete()


def strays() -> Iterator[tuple[Ask, Workspace]]:
    """Requests that were kept and not answered for `SLACK_STRAY_S`, each for the first process that looks."""
    now = timezone.now()
    old = Delivery.objects.filter(taken__lt=now - timedelta(seconds=settings.SLACK_STRAY_S)).order_by("pk")
    for row in old[:MOST_STRAYS]:
        if not Delivery.objects.filter(pk=row.pk, taken=row.taken).update(taken=now):
            continue
        began = time.monotonic() - (now - row.at).total_seconds()
        try:
            told = json.loads(sealing.open_(row.sealed, about=_about(row.key)))
            ask = Ask(**{**told["ask"], "began": began})
        except (SealError, ValueError, TypeError, KeyError) as error:  # another key, or another version's
            logger.error("a request of Slack that was kept cannot be read: %s", type(error).__name__)
            row.delete()
            continue
        workspace = Workspace.objects.filter(pk=told["workspace"], removed__isnull=True).first()
        if workspace is None:
            row.delete()
        else:
            yield ask, workspace


def claimed(name: str, ask: Ask, work: Callable[[], Answer]) -> Answer:
    """What `work` answers, for the first request that claims `name`, whoever's; if it is refused, others may.

    Raises:
        Turned: another request has it.
    """
    key, now = key_of(name), timezone.now()
    claim = Delivery.objects.filter(key=key)
    claim.filter(answer={}, at__lt=now - timedelta(seconds=CLAIM_S)).delete()
    try:
        with transaction.atomic():
            Delivery.objects.create(key=key, at=now - timedelta(seconds=CLAIM_S - LOOSE_CLAIM_S), by=ask.digest)
    except IntegrityError:
        if not claim.filter(by=ask.digest).exists():  # else the very same one: the line's own key lets it run once
            raise Turned(refused("slack_pressed")) from None
    if Delivery.objects.filter(key=ask.digest, taken__isnull=False).exists():  # kept before it came to its claim
        claim.filter(answer={}).update(at=now)
    try:
        answer = work()
    except BaseException:
        claim.delete()
        raise
    if answer.is_error:
        claim.delete()
    else:
        claim.update(answer=answer.as_json())
    return answer


def forget() -> None:
    """Drop the answers that nobody asks for any more."""
    Delivery.objects.filter(at__lt=timezone.now() - timedelta(seconds=settings.SLACK_KEEP_S)).delete()


def key_of(name: str) -> str:
    """The key of the row by which a request claims `name`."""
    return hashlib.sha256(name.encode()).hexdigest()[:48]


def _about(digest: str) -> str:
    return f"slack:request:{digest}"
