"""Who goes next in an environment: one deployment at a time, the others in the order they were asked for."""

from collections.abc import Iterable

from deploy_core.models import Deployment
from deploy_core.rules.status import ACTIVE, WAITING, Status


def active(environment_id: int) -> Deployment | None:
    """The deployment that owns the environment now."""
    return Deployment.objects.filter(environment_id=environment_id, status__in=ACTIVE).first()


def too_early(waiting: Iterable[Deployment]) -> set[int]:
    """Those of `waiting` in whose environment an older one is still planned. Going back waits for no git."""
    rows = [each for each in waiting if each.kind != Deployment.Kind.ROLLBACK]
    planned = Deployment.objects.filter(
        status=Status.PLANNING, environment__in={each.environment_id for each in rows}
    ).values_list("environment_id", "pk")
    oldest: dict[int, int] = {}
    for environment_id, number in planned:
        oldest[environment_id] = min(number, oldest.get(environment_id, number))
    return {each.pk for each in rows if oldest.get(each.environment_id, each.pk) < each.pk}


def ahead_of(deployment: Deployment) -> list[Deployment]:
    """What has to end before `deployment` runs: the active one, then older ones that wait."""
    others = Deployment.objects.filter(environment_id=deployment.environment_id).exclude(pk=deployment.pk)
    older = others.filter(status__in=WAITING, pk__lt=deployment.pk).order_by("pk")
    return [*others.filter(status__in=ACTIVE), *older]
