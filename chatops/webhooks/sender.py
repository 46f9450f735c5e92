"""Sends what waits in the outbox: a lease on the row, one attempt, and what became of it. At least once, in order for
the host of a repository, for hooks as soon as each can be told.
"""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chatops.webhooks import secrets, signature
from chatops.webhooks.models import Delivery, IncomingDelivery, Outgoing, OutgoingHook
from deploy_core.errors import DeployError, ReachError
from deploy_core.models import Forge
from deploy_core.reach import forge, http
from deploy_core.safety import access

logger = logging.getLogger(__name__)

State = Delivery.State
_AT_ONCE = 4
#: An answer that asks to be left alone for good.
_GONE = 410


def round_() -> None:
    """One attempt for each delivery that is due, a few at a time."""
    keys = list(_due().order_by("pk").values_list("pk", flat=True)[: settings.HOOK_BATCH])
    if keys:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as threads:
            list(threads.map(_try_here, keys))


def _due() -> QuerySet[Delivery]:
    """What may be tried now; what a paused hook has to tell waits until it goes on."""
    is_on = Q(hook__isnull=True) | Q(hook__is_active=True)
    return Delivery.objects.filter(is_on, state=State.WAITING, next_try__lte=timezone.now())


def _try_here(pk: int) -> None:
    try:
        attempt(pk)
    except Exception:
        logger.exception("delivery %d failed by a fault of ours; it is tried again", pk)
    finally:
        close_old_connections()


def attempt(pk: int) -> None:
    """Send one delivery, unless another process does."""
    if _is_too_early(pk):
        return
    now = timezone.now()
    lease = now + timedelta(seconds=settings.HTTP_TIMEOUT_S * 3)
    if not _due().filter(pk=pk).update(next_try=lease, attempts=F("attempts") + 1, tried=now):
        return
    related = ("hook__person", "deployment__app", "deployment__environment")
    delivery = Delivery.objects.select_related(*related).get(pk=pk)
    if delivery.hook and not _may_know(delivery.hook, delivery):
        Delivery.objects.filter(pk=pk).update(state=State.GIVEN_UP, next_try=None, trouble="no_permission")
        return
    answer: object = None
    trouble = ""
    try:
        answer = _send(delivery) if delivery.hook else _tell_forge(delivery)
    except ReachError as error:
        answer = error.params.get("status")
        trouble = _trouble(error)
    except DeployError as error:
        trouble = _trouble(error)
    except DatabaseError:
        raise
    except Exception:  # tried again as if nobody had answered, and not for ever
        logger.exception("delivery %s failed by a fault of ours", delivery)
        trouble = "internal"
    is_done = isinstance(answer, int) and 200 <= answer < 300
    is_over = answer == _GONE or delivery.attempts >= settings.HOOK_ATTEMPTS
    told = {"answer": answer if isinstance(answer, int) else None, "trouble": "" if is_done else trouble[:200]}
    if is_done:
        Delivery.objects.filter(pk=pk).update(state=State.DONE, next_try=None, **told)
    elif is_over:
        Delivery.objects.filter(pk=pk).update(state=State.GIVEN_UP, next_try=None, **told)
        logger.warning("delivery %s was given up after %d attempts: %s", delivery, delivery.attempts, trouble or answer)
    else:
        wait_s = min(settings.HOOK_RETRY_S * 2 ** (delivery.attempts - 1), settings.HOOK_RETRY_MOST_S)
        Delivery.objects.filter(pk=pk).update(next_try=timezone.now() + timedelta(seconds=wait_s), **told)


def _may_know(hook: OutgoingHook, delivery: Delivery) -> bool:
    """Whether whoever keeps a hook may still view what it tells of: rights end while a delivery waits."""
    deployment = delivery.deployment
    return access.can(hook.person, "view", deployment.app.name, deployment.environment.name)


def _is_too_early(pk: int) -> bool:
    """Whether the host of a repository has not heard yet of what came before."""
    found = Delivery.objects.filter(pk=pk, hook__isnull=True).values_list("deployment", flat=True).first()
    earlier = Delivery.objects.filter(deployment=found, hook__isnull=True, pk__lt=pk, state=State.WAITING)
    return found is not None and earlier.exists()


def _send(delivery: Delivery) -> int:
    """To a hook: signed with its secret, and the time of this attempt."""
    assert delivery.hook is not None  # noqa: S101 - asked by the caller
    body = json.dumps(delivery.payload, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Shiproom",
        "X-Shiproom-Event": delivery.event,
        "X-Shiproom-Delivery": delivery.key,
        "X-Shiproom-Signature": signature.ours(secrets.of(delivery.hook), body, int(time.time())),
    }
    return http.send("POST", delivery.hook.url, headers=headers, body=body).status


def _tell_forge(delivery: Delivery) -> int:
    """To the host of the app's repository: the deployment first, once, then how it stands."""
    deployment = delivery.deployment
    row = Forge.objects.select_related("app").filter(app=deployment.app, writes=True).first()
    if row is None:
        return 200  # nobody wants it told any more
    cursor = Outgoing.objects.get(deployment=deployment)
    told_id = cursor.forge_id
    if told_id is None:
        environment, about = deployment.environment.name, f"#{deployment.pk} by {deployment.requested_by}"
        told_id = forge.open_deployment(row, deployment.revision, environment, about, deployment.pk)
        Outgoing.objects.filter(pk=cursor.pk).update(forge_id=told_id)
    url = f"{settings.PUBLIC_URL}/deployments/{deployment.pk}/"
    forge.set_status(row, told_id, delivery.payload["state"], delivery.payload["description"], url)
    return 200


def _trouble(error: DeployError) -> str:
    reason = error.params.get("reason") or error.params.get("status") or error.params.get("detail") or ""
    return f"{error.code} {reason}".strip()


def forget() -> None:
    """Drop deliveries that are done with and older than `HOOK_KEEP_DAYS`. Those that came in and deployed are kept:
    who caught one may send it again at any time.
    """
    old = timezone.now() - timedelta(days=settings.HOOK_KEEP_DAYS)
    Delivery.objects.filter(created__lt=old).exclude(state=State.WAITING).delete()
    IncomingDelivery.objects.filter(at__lt=old).exclude(outcome__result="done").delete()
