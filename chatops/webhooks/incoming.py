"""What comes in: a signed push deploys the environments that follow its branch, by the line that one would type.

A delivery counts once. GitHub's are signed and hold the moment of the push: who catches one cannot send it again under
another id. GitLab's hold neither, so that a branch forced back and forth says the same twice and means it: those are
told apart by their id and body together.
"""

import hashlib
import logging
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from chatops.room import messages
from chatops.webhooks import pushes, secrets, signature
from chatops.webhooks.models import IncomingDelivery, IncomingHook
from deploy_core.errors import DeployError
from deploy_core.ledger import audit
from deploy_core.models import CheckLook, CommitCheck, Environment

logger = logging.getLogger(__name__)

_ID_LENGTH = 100


class Knock(NamedTuple):
    """What a request says of itself, whoever sent it."""

    event: str
    delivery_id: str
    proof: str


def hook_of(provider: str, app: str) -> IncomingHook | None:
    """The app's hook, if its person is still somebody."""
    found = IncomingHook.objects.filter(provider=provider, app__name=app, person__is_active=True)
    return found.select_related("app", "person").first()


def is_genuine(hook: IncomingHook, knock: Knock, body: bytes) -> bool:
    """Whether who sent `body` knows the hook's secret. GitHub signs; GitLab shows the secret itself."""
    secret = secrets.of(hook)
    if hook.provider == IncomingHook.Provider.GITHUB:
        return signature.is_same(signature.github(secret, body), knock.proof)
    return signature.is_same(secret.decode(), knock.proof)


@transaction.atomic
def take(hook: IncomingHook, knock: Knock, body: bytes, payload: dict[str, Any]) -> dict[str, Any]:
    """What came of a genuine delivery: `{result, deployments}`; `dup` when it came before.

    `result`: pong, ignored (nobody follows that), done; each deployment has `environment, outcome`.
    """
    delivery_id, digest = _identity(hook, knock, body)
    try:
        with transaction.atomic():
            kept = IncomingDelivery.objects.create(
                hook=hook, delivery_id=delivery_id, digest=digest, event=knock.event[:40]
            )
    except IntegrityError:
        return _of_before(hook, delivery_id, digest)
    read = pushes.github if hook.provider == IncomingHook.Provider.GITHUB else pushes.gitlab
    push = read(knock.event, payload)
    if push is None and hook.provider == IncomingHook.Provider.GITHUB:
        _hear_check(hook, knock.event, payload)
    if push is None:
        outcome: dict[str, Any] = {"result": "pong" if knock.event == "ping" else "ignored", "deployments": []}
    else:
        outcome = _deploy(hook, kept, push)
    kept.outcome = outcome
    kept.save(update_fields=["outcome"])
    return outcome


def _identity(hook: IncomingHook, knock: Knock, body: bytes) -> tuple[str, str]:
    """By which of its two names a delivery may be known already; either is enough."""
    if hook.provider == IncomingHook.Provider.GITHUB:
        digest = hashlib.sha256(body).hexdigest()
        return knock.delivery_id[:_ID_LENGTH] or digest, digest
    both = hashlib.sha256(knock.delivery_id.encode() + b"\0" + body).hexdigest()
    return both, both


def _hear_check(hook: IncomingHook, event: str, payload: dict[str, Any]) -> None:
    """A check said something: what waits for it need not wait until it is asked again."""
    told = pushes.github_check(event, payload)
    if told is None:
        return
    revision, check = told
    row = {"state": check.state, "url": check.url, "at": timezone.now()}
    wanted = CommitCheck.objects.filter(app=hook.app, revision=revision)
    if wanted.exists() or CheckLook.objects.filter(app=hook.app, revision=revision).exists():
        CommitCheck.objects.update_or_create(app=hook.app, revision=revision, name=check.name, defaults=row)


def _of_before(hook: IncomingHook, delivery_id: str, digest: str) -> dict[str, Any]:
    before = IncomingDelivery.objects.filter(hook=hook)
    first = before.filter(delivery_id=delivery_id).first() or before.get(digest=digest)
    logger.info("%s came before as %s", first, first.at)
    return {"result": "ignored", "deployments": [], **first.outcome, "dup": True}


def _deploy(hook: IncomingHook, kept: IncomingDelivery, push: pushes.Push) -> dict[str, Any]:
    followers = Environment.objects.filter(app=hook.app, followed_branch=push.branch)
    told = [_ask(hook, kept, push, environment) for environment in followers]
    audit.record(
        hook.person,
        "hook.push",
        str(hook),
        "done" if told else "ignored",
        branch=push.branch,
        revision=push.revision,
        delivery=kept.delivery_id,
    )
    return {"result": "done" if told else "ignored", "deployments": told}


def _ask(hook: IncomingHook, kept: IncomingDelivery, push: pushes.Push, environment: Environment) -> dict[str, Any]:
    """The line `/deploy app/branch to environment`, as the hook's person."""
    outcome: dict[str, Any]
    try:
        outcome = dict(
            messages.post(
                author=hook.person,
                room=None,
                text=f"/deploy {hook.app.name}/{push.branch} to {environment.name}",
                client_id=f"hook:{kept.pk}:{environment.pk}",
                surface="webhook",
            )
        )
    except DeployError as error:
        outcome = {"result": "error", "reply": {"code": error.code}, "deployment": None}
    reply = outcome.get("reply") or {}
    return {
        "environment": environment.name,
        "result": outcome["result"],
        "code": reply.get("code", ""),
        "deployment": outcome.get("deployment"),
    }
