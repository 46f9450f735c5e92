"""Who watches an app from outside its rooms: told privately what the rooms are told. Members hear it in their rooms."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils import timezone

from chatops.room import access
from chatops.room.models import Membership, Muting, Room, Stream
from chatops.room.timeline import Timeline
from deploy_core.models import Deployment, Person
from deploy_core.models.statements import fetch

_WATCHING = """
    SELECT person.id FROM room_watching watching JOIN deploy_core_person person ON person.id = watching.person_id
    WHERE watching.app_id = %s AND watching.environment IN ('', %s) AND person.is_active
"""


def tell(
    timeline: Timeline, deployment: Deployment, told: Collection[Room], code: str, params: Mapping[str, Any]
) -> None:
    """Tell those who watch the deployment's place, may see it, have not muted its app and are in none of `told`."""
    for person in outside(deployment, told):
        timeline.tell(person, None, code, params, deployment_id=deployment.pk)


def outside(deployment: Deployment, told: Collection[Room]) -> list[Person]:
    """Those who are to be told."""
    ids = {person for (person,) in fetch(_WATCHING, (deployment.app_id, deployment.environment.name))}
    if not ids:
        return []
    ids -= set(Membership.objects.filter(room__in=told, person__in=ids).values_list("person", flat=True))
    muted = Muting.objects.filter(app=deployment.app_id, until__gt=timezone.now(), person__in=ids)
    ids -= set(muted.values_list("person", flat=True))
    stream = Stream("deployment", deployment.pk)
    return [person for person in Person.objects.filter(pk__in=ids).order_by("pk") if access.may_see(person, stream)]
