"""Who goes next in an environment: one deployment at a time, the others in the order they were asked for."""

from django.db.models import QuerySet

from deploy_core.models import Deployment
from deploy_core.rules.status import ACTIVE, WAITING, Status


def active(environment_id: int) -> Deployment | None:
    """The deployment that owns the environment now."""
    return Deployment.objects.filter(environment_id=environment_id, status__in=ACTIVE).first()


def queued(environment_id: int) -> QuerySet[Deployment]:
    """Those that are ready and wait, the oldest first."""
    return Deployment.objects.filter(environment_id=environment_id, status=Status.QUEUED).order_by("pk")


def ahead_of(deployment: Deployment) -> list[Deployment]:
    """What has to end before `deployment` runs: the active one, then older ones that wait."""
    others = Deployment.objects.filter(environment_id=deployment.environment_id).exclude(pk=deployment.pk)
    older = others.filter(status__in=WAITING, pk__lt=deployment.pk).order_by("pk")
    return [*others.filter(status__in=ACTIVE), *older]
