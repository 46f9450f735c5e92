"""What a person wants to be called for: the level of each room, what they watch, what they muted, if they are on call.

The page decides with this (static/js/alerts.js); the rooms' events come to it anyway.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chatops.room.models import Membership, Muting, Watching
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused
from deploy_core.models import App, Duty, Person
from deploy_core.rules.times import iso


def of(person: Person) -> dict[str, Any]:
    """`{levels: {room id: level}, on_call, watching: [{app, environment}], muted: {app: until}}`."""
    now = timezone.now()
    watching = Watching.objects.filter(person=person).order_by("app__name", "environment")
    muted = Muting.objects.filter(person=person, until__gt=now).values_list("app__name", "until")
    return {
        "levels": dict(Membership.objects.filter(person=person).values_list("room", "level")),
        "on_call": Duty.objects.at(now).filter(person=person).exists(),
        "watching": [
            {"app": app, "environment": name} for app, name in watching.values_list("app__name", "environment")
        ],
        "muted": {app: iso(until) for app, until in muted},
    }


@transaction.atomic
def set_level(person: Person, room_id: int, level: str) -> None:
    """How much of a room the person is called for.

    Raises:
        Refused: `not_found`: they are not in the room, or there is no such level.
    """
    if level not in Membership.Level.values:
        raise Refused("not_found")
    if not Membership.objects.filter(person=person, room=room_id).update(level=level):
        raise Refused("not_found")
    timeline = Timeline()
    timeline.told(person, "alerts", of(person))
    timeline.write()


def watch(timeline: Timeline, person: Person, app: App, environment: str) -> None:
    """Call the person for what happens there."""
    Watching.objects.get_or_create(person=person, app=app, environment=environment)
    Muting.objects.filter(person=person, app=app).delete()
    timeline.told(person, "alerts", of(person))


def unwatch(timeline: Timeline, person: Person, app: App, environment: str) -> None:
    """No more, for an environment or ("") for the app as a whole."""
    theirs = Watching.objects.filter(person=person, app=app)
    (theirs.filter(environment=environment) if environment else theirs).delete()
    timeline.told(person, "alerts", of(person))


def mute(timeline: Timeline, person: Person, app: App, span: timedelta) -> None:
    """Call the person for nothing about an app, for a while."""
    Muting.objects.update_or_create(person=person, app=app, defaults={"until": timezone.now() + span})
    timeline.told(person, "alerts", of(person))
