"""Statuses and check runs as a gate: what the rows say about a deployment, as they were last asked for."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from deploy_core.models import App, CheckLook, CommitCheck, Deployment, Environment
from deploy_core.rules.checks import Check, Verdict, verdict
from deploy_core.rules.status import Status

#: What ships a revision that was not live there before.
_GATED = frozenset({Deployment.Kind.DEPLOY, Deployment.Kind.PROMOTE})


def applies_to(deployment: Deployment) -> bool:
    """Whether a deployment waits for checks: not on the way back, nor forced where that is allowed."""
    environment = deployment.environment
    is_forced = deployment.is_forced and environment.checks_may_be_forced
    return bool(environment.required_checks) and deployment.kind in _GATED and not is_forced


def of(deployment: Deployment) -> Verdict:
    """What is in a deployment's way. One that is not planned yet has no revision that checks could be about."""
    if not applies_to(deployment) or not deployment.revision:
        return Verdict()
    return about(deployment.app, deployment.environment, deployment.revision)


def about(app: App, environment: Environment, revision: str) -> Verdict:
    """What is in the way of a revision."""
    rows = CommitCheck.objects.filter(app=app, revision=revision).order_by("name")
    return verdict(environment.required_checks, [Check(row.name, row.state, row.url) for row in rows])  # type: ignore[arg-type]


def told(found: Verdict, revision: str) -> dict[str, Any]:
    """What is in the way, as the parameters of a sentence."""
    links = {check.name: check.url for check in found.red if check.url}
    return {
        "checks": [check.name for check in found.red] or list(found.waiting),
        "revision": {"revision": revision},
        **({"links": links} if links else {}),
    }


def waiting(rows: Iterable[Deployment]) -> dict[int, Verdict]:
    """Those of `rows` that wait for a check, with what each waits for; a red one waits for nothing any more."""
    found = {each.pk: of(each) for each in rows if applies_to(each)}
    return {pk: each for pk, each in found.items() if each.waiting and not each.red}


def queued() -> list[Deployment]:
    """The queued deployments of environments that want checks."""
    rows = Deployment.objects.filter(status=Status.QUEUED).exclude(environment__required_checks=[])
    return list(rows.select_related("app", "environment").order_by("pk"))


def were_asked_for(deployment: Deployment, since: datetime) -> bool:
    """Whether its checks were asked for after `since`, and the answer has had the time to come."""
    answered = timezone.now() - timedelta(seconds=settings.CHECKS_POLL_S)
    looks = CheckLook.objects.filter(app=deployment.app, revision=deployment.revision)
    return looks.filter(at__gte=since, at__lte=answered).exists()
