"""The room's pages: the first picture is drawn by the server, and carries what the script goes on from."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie

from bot import phrases
from chatops.room import access, alerts, people, streams, unread
from chatops.room.frames import Frame
from chatops.room.models import Room, Stream
from chatops.room.presence import presence_now
from chatops.room.session import limits
from chatops.room.unread import Unread
from deploy_core.models import Person
from deploy_core.rules.times import iso

#: A page follows so many rooms for their news; of further ones the rail says what it knew when the page was made.
OTHERS = 100


class MemberRequest(HttpRequest):
    """A request behind `login_required`."""

    user: Person


@never_cache
@login_required
@ensure_csrf_cookie
def room(request: MemberRequest, slug: str) -> HttpResponse:
    """A room: readable as it comes, and live with script. A room one is not in does not exist."""
    shown = get_object_or_404(Room.objects.select_related("default_app"), slug=slug, members=request.user)
    boot = _boot(request.user, shown)
    context = {
        "room": shown,
        "rooms": rail(request.user, shown),
        "pinned": boot["room_stream"]["state"]["pinned"],
        "people": boot["room_stream"]["state"]["people"],
        "events": [_readable(event) for event in boot["room_stream"]["last"]],
        "boot": boot,
        "is_read_only": shown.is_announcements and not boot["room"]["is_manager"],
    }
    return render(request, "room/room.html", context)


def rail(person: Person, current: Room | None = None) -> list[dict[str, Any]]:
    """The person's rooms, as every page lists them."""
    waiting = unread.of(person)
    found = []
    for each in person.rooms.order_by("slug"):
        is_current = current is not None and each.pk == current.pk
        news = Unread() if is_current else waiting.get(each.pk, Unread())
        found.append(
            {
                "id": each.pk,
                "slug": each.slug,
                "topic": each.topic,
                "is_current": is_current,
                "is_closed": each.is_closed,
                "unread": news.messages,
                "mentions": news.mentions,
            }
        )
    return found


def page_boot(person: Person) -> Frame:
    """What the script of every page starts from."""
    return {
        "you": {"id": person.pk, "name": person.username},
        "now": iso(timezone.now()),
        "phrases": phrases.catalogue(),
        "heartbeat_ms": int(settings.HEARTBEAT_S * 1000),
        "limits": limits(),
        "urls": {
            "socket": "/rt/ws",
            "poll": "/rt/poll",
            "send": "/rt/send",
            "deployment": reverse("deployment", args=[0]),
            "log": reverse("log", args=[0, "STEP"]),
            "room": reverse("room", args=["SLUG"]),
        },
    }


def outside_boot(person: Person) -> Frame:
    """The same for a page that shows no room: with all rooms of the person, and where their own stream stands."""
    own = Stream("person", person.pk)
    epoch, heads = streams.look([own])
    told = {"alerts": alerts.of(person), "person": {"e": epoch, "q": heads[own].number}, "rooms": _others(person)}
    return page_boot(person) | told


def _boot(person: Person, shown: Room) -> Frame:
    own, others = Stream("room", shown.pk), Stream("person", person.pk)
    in_room, in_private = streams.snapshot(own, person), streams.snapshot(others, person)
    in_room["state"]["people"] = presence_now(shown.pk)
    named = {event["d"]["deployment"] for event in in_room["last"] if event["d"].get("deployment")}
    seen = access.visible(person, named | {each["id"] for each in in_room["state"]["deployments"]})
    return page_boot(person) | {
        "room": {
            "id": shown.pk,
            "slug": shown.slug,
            "topic": shown.topic,
            "default_app": shown.default_app.name if shown.default_app else "",
            "apps": list(shown.apps.order_by("name").values_list("name", flat=True)),
            "is_manager": people.may_manage(person, shown),
        },
        "rooms": _others(person, shown),
        "alerts": alerts.of(person),
        "room_stream": _picture(own, in_room),
        "person_stream": _picture(others, in_private | {"last": streams.private_replies(person, shown.pk)}),
        "deployments": [_picture(Stream("deployment", pk), streams.deployment_picture(pk)) for pk in seen],
        "unread": unread.of(person)[shown.pk].messages,
        "read": shown.memberships.values_list("read", flat=True).get(person=person),
    }


def _others(person: Person, shown: Room | None = None) -> list[Frame]:
    """The person's rooms but `shown`, each with where its stream stands: the page follows it for news from there on."""
    rooms = {Stream("room", each["id"]): each for each in rail(person, shown)[:OTHERS] if not each["is_current"]}
    epoch, heads = streams.look(list(rooms))
    return [
        {"id": each["id"], "slug": each["slug"], "e": epoch, "q": heads[stream].number}
        | {"unread": each["unread"], "mentions": each["mentions"]}
        for stream, each in rooms.items()
    ]


def _picture(stream: Stream, fields: Frame) -> Frame:
    return {"t": "snapshot", "s": str(stream), **fields}


def _readable(event: Frame) -> Frame:
    """An event for a template: its time as a time, and the bot's words in the reader's language."""
    words = event["d"]
    text = phrases.render_text(words["code"], words["params"]) if "code" in words else words.get("text", "")
    return {**event, "at": datetime.fromisoformat(event["at"]), "text": text}
