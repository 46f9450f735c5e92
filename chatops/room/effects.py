"""What comes of a command beside its answer: values the bot gave, made rows in the line's own transaction."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q

from bot.invocation import Announce, Effect, Mute, OnCall, Proclaim, Unwatch, Watch
from chatops.room import alerts
from chatops.room.models import Line, Room
from chatops.room.timeline import Timeline
from deploy_core.models import App, Deployment, Person


def apply(effects: Iterable[Effect], line: Line, room: Room | None, timeline: Timeline) -> None:
    """Do what `effects` say, for the author of `line`; `room` is where it was typed, None outside all rooms."""
    for effect in effects:
        match effect:
            case Announce(deployment_id) if room:
                timeline.card(room, Deployment.objects.get(pk=deployment_id))
            case Proclaim(text):
                for told in _rooms(line, room):
                    timeline.proclaim(told, line, text)
            case OnCall(people):
                for person in Person.objects.filter(pk__in=people).order_by("pk"):
                    timeline.told(person, "alerts", alerts.of(person))
            case Watch(app, environment):
                alerts.watch(timeline, line.author, App.objects.get(name=app), environment)
            case Unwatch(app, environment):
                alerts.unwatch(timeline, line.author, App.objects.get(name=app), environment)
            case Mute(app, seconds):
                alerts.mute(timeline, line.author, App.objects.get(name=app), timedelta(seconds=seconds))


def _rooms(line: Line, room: Room | None) -> list[Room]:
    """The room itself, and the rooms for announcements that are open or the author's own."""
    mine = Q(is_closed=False) | Q(members=line.author)
    others = Room.objects.filter(mine, is_announcements=True).exclude(pk=room.pk if room else 0).distinct()
    return [*([room] if room else []), *others.order_by("pk")]
