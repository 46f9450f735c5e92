"""Pages about rooms: one's own and those to join, making one, who is in it. They work without script."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bot import phrases
from chatops.room import alerts, people, views
from chatops.room.forms import TAKEN, NewRoomForm, RoomForm
from chatops.room.models import Membership, Room
from chatops.room.views import MemberRequest
from deploy_core.errors import Refused

#: The pages of rooms name at most so many members and rooms.
SHOWN = 500


@never_cache
@login_required
def home(request: MemberRequest) -> HttpResponse:
    """One's only room, or the list of all."""
    mine = list(request.user.rooms.values_list("slug", flat=True)[:2])
    return redirect("room", mine[0]) if len(mine) == 1 else _list(request)


@never_cache
@login_required
def rooms(request: MemberRequest) -> HttpResponse:
    """One's own rooms, those to join, and a form for a new one."""
    form = NewRoomForm(request.POST or None, person=request.user)
    if request.method == "POST" and form.is_valid():
        fields = form.cleaned_data
        room = Room(slug=fields["slug"], topic=fields["topic"], is_closed=fields["is_closed"])
        room.is_announcements = fields["is_announcements"]
        try:
            people.create(request.user, room, list(fields["apps"]))
        except IntegrityError:  # somebody else made it in this moment
            form.add_error("slug", TAKEN)
        else:
            return redirect("room", room.slug)
    return _list(request, form=form, status=400 if form.is_bound else 200)


def _list(request: MemberRequest, *, form: NewRoomForm | None = None, status: int = 200) -> HttpResponse:
    context = {
        "rooms": views.rail(request.user),
        "open_rooms": people.to_join(request.user).prefetch_related("apps")[:SHOWN],
        "form": form or NewRoomForm(person=request.user),
        "page": "rooms",
    }
    return render(request, "room/rooms.html", context, status=status)


@require_POST
@login_required
def join(request: MemberRequest, slug: str) -> HttpResponse:
    """Enter an open room."""
    try:
        room = people.join(request.user, slug)
    except Refused:
        return redirect("rooms")
    return redirect("room", room.slug)


@never_cache
@login_required
def settings(request: MemberRequest, slug: str) -> HttpResponse:
    """Who is in a room, what it is like, and, for its managers, everything that changes it."""
    room = _own(request, slug)
    mistake = ""
    if request.method == "POST":
        try:
            done = _change(request, room)
        except Refused as refused:
            mistake = phrases.render(refused.code, refused.params)
        else:
            return done
    mine = Membership.objects.get(room=room, person=request.user)
    members = Membership.objects.filter(room=room).select_related("person").order_by("person__username")
    context = {
        "room": room,
        "apps": room.apps.order_by("name"),
        "channels": [each for each in room.slack_channels.select_related("room") if each.may_talk],
        "members": members[:SHOWN],
        "mine": mine,
        "is_manager": people.may_manage(request.user, room),
        "choices": people.may_follow(request.user),
        "shown": _typed(request.POST) if mistake and request.POST.get("act") == "change" else _held(room),
        "levels": _levels(),
        "mistake": mistake,
        "rooms": views.rail(request.user),
        "page": "rooms",
    }
    return render(request, "room/settings.html", context, status=400 if mistake else 200)


def _held(room: Room) -> dict[str, Any]:
    """What the form of a room's manager shows."""
    told = {name: getattr(room, name) for name in ("topic", "is_closed", "is_announcements")}
    return told | {"apps": set(room.apps.values_list("name", flat=True))}


def _typed(form: QueryDict) -> dict[str, Any]:
    """The same as it was sent, where it was refused: nobody types it again."""
    told = {name: form.get(name, "") for name in ("topic", "is_closed", "is_announcements")}
    return told | {"apps": set(form.getlist("apps"))}


def _change(request: MemberRequest, room: Room) -> HttpResponse:
    """Do what the pressed button says, and show what holds now.

    Raises:
        Refused: as `people` does.
    """
    person, form = request.user, request.POST
    named = form.get("person", "")[:18]
    guest = int(named) if named.isascii() and named.isdigit() else 0
    match form.get("act", ""):
        case "change":
            fields = RoomForm(form)
            if not fields.is_valid():
                raise Refused("too_long", limit=200)
            people.change(person, room, **fields.cleaned_data)
            people.follow(person, room, form.getlist("apps"))
        case "invite":
            people.invite(person, room, form.get("name", "").replace("\0", "")[:150])
        case "remove":
            people.remove(person, room, guest)
        case "promote" | "demote" as act:
            people.promote(person, room, guest, is_manager=act == "promote")
        case "level":
            alerts.set_level(person, room.pk, form.get("level", ""))
        case "leave":
            people.remove(person, room, person.pk)
            return redirect("rooms")
    return redirect("room-settings", room.slug)


def _own(request: MemberRequest, slug: str) -> Room:
    return get_object_or_404(Room, slug=slug, members=request.user)


def _levels() -> list[tuple[str, Any]]:
    return [
        (Membership.Level.ALL, _("Everything")),
        (Membership.Level.MENTIONS, _("My name, announcements, failures and what needs approval")),
        (Membership.Level.NOTHING, _("Nothing")),
    ]
