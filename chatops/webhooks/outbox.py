"""What is to be told outside: each fact of a deployment once per address, stored before anything is sent.

`collect` turns journal entries into deliveries, from a durable cursor; whoever sends finds them (`sender.py`).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation

from bot import phrases
from chatops.webhooks.models import Delivery, Outgoing, OutgoingHook
from deploy_core.models import Deployment, Forge, JournalEntry, StreamHead
from deploy_core.rules.status import ACTIVE, ENDED, WAITING, Status
from deploy_core.rules.times import iso
from deploy_core.safety import access

#: What GitHub calls the states of a deployment.
_FORGE_STATES = {
    Status.QUEUED: "queued",
    Status.RUNNING: "in_progress",
    Status.ROLLING_BACK: "in_progress",
    Status.SUCCEEDED: "success",
    Status.FAILED: "failure",
    Status.ROLLED_BACK: "failure",
    Status.CANCELLED: "inactive",
    Status.REJECTED: "inactive",
    Status.EXPIRED: "inactive",
}
#: What ended longer ago before anybody looked is history, and told to nobody.
RECENT = timedelta(hours=1)
REQUESTED = "deployment.requested"
_MOVED = "deployment.moved"
#: What a hook may be told, by name: a deployment was asked for, or is now so.
EVENTS = (REQUESTED, *(f"deployment.{status}" for status in Status if status != Status.PLANNING))


def collect() -> None:
    """Write deliveries for all that happened since the last time. Only deployments that are not done are looked at, and
    those of them about which nothing new was written are left alone.
    """
    hooks = list(OutgoingHook.objects.filter(is_active=True).select_related("person").prefetch_related("apps"))
    forges = set(Forge.objects.filter(writes=True).values_list("app", flat=True))
    if not hooks and not forges:
        return
    begun = dict(Outgoing.objects.filter(is_done=False).values_list("deployment", "number"))
    heads = StreamHead.objects.filter(kind="deployment", stream_id__in=begun).values_list("stream_id", "number")
    grown = {pk for pk, number in heads if number > begun[pk]}
    recent = Q(status__in=ACTIVE | WAITING) | Q(finished__gte=timezone.now() - RECENT)
    unheard = Deployment.objects.filter(recent, outgoing__isnull=True)
    for pk in sorted({*grown, *unheard.values_list("pk", flat=True)}):
        _collect(pk, hooks, forges)


@transaction.atomic
def _collect(deployment_id: int, hooks: Iterable[OutgoingHook], forges: set[int]) -> None:
    Outgoing.objects.get_or_create(deployment_id=deployment_id)
    cursor = Outgoing.objects.select_for_update().get(deployment=deployment_id)
    related = ("app", "environment", "requested_by")
    deployment = Deployment.objects.select_related(*related).get(pk=deployment_id)
    news = deployment.journal.filter(number__gt=cursor.number).order_by("number")
    for entry in news:
        cursor.number = entry.number
        event = _event(entry)
        if not event:
            continue
        for hook in hooks:
            if _wants(hook, deployment, event):
                payload = _told(deployment, entry, event)
                _put(f"{hook.pk}/{deployment_id}/{entry.number}", deployment, event, payload, hook=hook)
        state = _FORGE_STATES.get(entry.payload.get("to", ""))
        if state and deployment.app_id in forges and deployment.revision:
            told = {"state": state, "description": _sentence(entry)}
            _put(f"forge/{deployment_id}/{entry.number}", deployment, event, told)
        cursor.is_done |= entry.kind == _MOVED and entry.payload["to"] in ENDED
    cursor.save(update_fields=["number", "is_done"])


def _put(
    key: str, deployment: Deployment, event: str, payload: dict[str, Any], *, hook: OutgoingHook | None = None
) -> None:
    told = {"deployment": deployment, "event": event, "payload": payload, "hook": hook, "next_try": timezone.now()}
    Delivery.objects.get_or_create(key=key, defaults=told)


def _event(entry: JournalEntry) -> str:
    if entry.kind == _MOVED:
        return f"deployment.{entry.payload['to']}"
    return REQUESTED if entry.kind == REQUESTED else ""


def _wants(hook: OutgoingHook, deployment: Deployment, event: str) -> bool:
    """Whether a hook is told: it asks for that, and whoever keeps it may view the environment."""
    apps = {app.pk for app in hook.apps.all()}
    is_about = (not apps or deployment.app_id in apps) and (not hook.events or event in hook.events)
    return is_about and access.can(hook.person, "view", deployment.app.name, deployment.environment.name)


def _told(deployment: Deployment, entry: JournalEntry, event: str) -> dict[str, Any]:
    moved = entry.payload if entry.kind == _MOVED else {}
    return {
        "event": event,
        "number": entry.number,
        "at": iso(entry.at),
        "deployment": {
            "number": deployment.pk,
            "app": deployment.app.name,
            "environment": deployment.environment.name,
            "kind": deployment.kind,
            "ref": deployment.ref,
            "revision": deployment.revision,
            "requested_by": deployment.requested_by.username,
            "surface": deployment.surface,
            "url": f"{settings.PUBLIC_URL}/deployments/{deployment.pk}/",
        },
        "from": moved.get("from", ""),
        "to": moved.get("to", ""),
        "reason": {
            "code": moved.get("reason", ""),
            "params": moved.get("params", {}),
            "text": _sentence(entry),
        },
    }


def _sentence(entry: JournalEntry) -> str:
    """Why it is so, in English: programs and GitHub read it."""
    if not entry.payload.get("reason"):
        return ""
    with translation.override("en"):
        return phrases.render(entry.payload["reason"], entry.payload.get("params", {}))
