"""Who watches an app from outside its rooms: told privately what the rooms are told. Members hear it in their rooms."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q
from django.utils import timezone

from chatops.room import access
from chatops.room.models import Membership, Muting, Room, Stream, Watching
from chatops.room.timeline import Timeline
from deploy_core.models import Deployment, Person


def tell(
    timeline: Timeline, deployment: Deployment, told: Collection[Room], code: str, params: Mapping[str, Any]
) -> None:
    """Tell those who watch the deployment's place, may see it, have not muted its app and are in none of `told`."""
    for person in outside(deployment, told):
        timeline.tell(person, None, code, params, deployment_id=deployment.pk)


def outside(deployment: Deployment, told: Collection[Room]) -> list[Person]:
    """Those who are to be told."""
    place = Q(environment="") | Q(environment=deployment.environment.name)
    watching = Watching.objects.filter(place, app=deployment.app_id, person__is_active=True)
    ids = set(watching.values_list("person", flat=True))
    if not ids:
        return []
    ids -= set(Membership.objects.filter(room__in=told, person__in=ids).values_list("person", flat=True))
    muted = Muting.objects.filter(app=deployment.app_id, until__gt=timezone.now(), person__in=ids)
    ids -= set(muted.values_list("person", flat=True))
    stream = Stream("deployment", deployment.pk)
    return [person for person in Person.objects.filter(pk__in=ids).order_by("pk") if access.may_see(person, stream)]
