"""Who is in a room, and what it is like: made, joined, left, opened and closed. Every change is an event of the room.

An open room may be joined by anybody who signs in; a closed one is entered by invitation. Its managers look after it.
Whoever lets a room follow an app shows that app to its members, so that needs `manage` on the app.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from chatops.room.models import Membership, Room
from chatops.room.timeline import Timeline
from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import App, Person
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access


def may_manage(person: Person, room: Room) -> bool:
    """Whether the person looks after the room: as its manager, or as a manager of everything who is in it."""
    mine = Membership.objects.filter(room=room, person=person, person__is_active=True)
    return mine.filter(is_manager=True).exists() or (mine.exists() and _manages_everything(person))


def require_voice(person: Person, room: Room) -> None:
    """
    Raises:
        Refused: `read_only`: only the room's managers write there.
    """
    if room.is_announcements and not may_manage(person, room):
        raise Refused("read_only")


def _manages_everything(person: Person) -> bool:
    return access.can(person, "manage", EVERYWHERE, EVERYWHERE)


def require_manager(person: Person, room: Room) -> None:
    """
    Raises:
        Refused: `forbidden`.
    """
    if not may_manage(person, room):
        raise Refused("forbidden")


def to_join(person: Person) -> QuerySet[Room]:
    """The open rooms that the person is not in."""
    return Room.objects.filter(is_closed=False).exclude(members=person).order_by("slug")


def may_follow(person: Person) -> QuerySet[App]:
    """The apps that the person may have a room follow."""
    return access.managed_apps(person)


@transaction.atomic
def create(person: Person, room: Room, apps: Collection[App]) -> Room:
    """Store a new room; the person is its first member and its manager. `apps` are those `may_follow` gave."""
    room.default_app = next(iter(apps), None)
    room.save()
    room.apps.set(apps)
    timeline = Timeline()
    _enter(timeline, room, person, by=person, is_manager=True)
    timeline.write()
    audit.record(person, "room.add", room.slug, "done", apps=[app.name for app in apps], is_closed=room.is_closed)
    return room


@transaction.atomic
def change(person: Person, room: Room, *, topic: str, is_closed: bool, is_announcements: bool) -> None:
    """Set what the room is like.

    Raises:
        Refused: `forbidden`; `opens_apps` (with `apps`): opening it would show apps that the person does not manage.
    """
    require_manager(person, room)
    if room.is_closed and not is_closed:
        names = room.apps.order_by("name").values_list("name", flat=True)
        if others := [name for name in names if not access.can(person, "manage", name, EVERYWHERE)]:
            raise Refused("opens_apps", apps=others)
    timeline = Timeline()
    if topic != room.topic:
        timeline.changed(room.pk, "topic.changed", {"topic": topic}, by=person)
    if (is_closed, is_announcements) != (room.is_closed, room.is_announcements):
        told = {"is_closed": is_closed, "is_announcements": is_announcements}
        timeline.changed(room.pk, "room.changed", told, by=person)
        audit.record(person, "room.change", room.slug, "done", **told)
    room.topic, room.is_closed, room.is_announcements = topic, is_closed, is_announcements
    room.save(update_fields=["topic", "is_closed", "is_announcements"])
    timeline.write()


@transaction.atomic
def follow(person: Person, room: Room, names: Collection[str]) -> None:
    """Let the room follow exactly those of the person's apps that are named; apps of others stay as they are.

    Raises:
        Refused: `forbidden`.
    """
    require_manager(person, room)
    mine = {app.name: app for app in may_follow(person)}
    wanted = {name for name in names if name in mine}
    before = {app.name for app in room.apps.filter(pk__in=[app.pk for app in mine.values()])}
    if wanted == before:
        return
    room.apps.add(*(mine[name] for name in wanted - before))
    room.apps.remove(*(mine[name] for name in before - wanted))
    if room.default_app is None or not room.apps.filter(pk=room.default_app.pk).exists():
        room.default_app = room.apps.order_by("name").first()
        room.save(update_fields=["default_app"])
    apps = list(room.apps.order_by("name").values_list("name", flat=True))
    timeline = Timeline()
    timeline.changed(room.pk, "room.changed", {"apps": apps, **_kind(room)}, by=person)
    timeline.write()
    audit.record(person, "room.follow", room.slug, "done", apps=apps)


def _kind(room: Room) -> dict[str, Any]:
    return {"is_closed": room.is_closed, "is_announcements": room.is_announcements}


@transaction.atomic
def join(person: Person, slug: str) -> Room:
    """Enter an open room; one that the person is in already is simply returned.

    Raises:
        Refused: `not_found`: there is no such room, or it is closed.
    """
    room = Room.objects.filter(slug=slug).first()
    if room is None or not person.is_active or (room.is_closed and not _is_in(person, room)):
        raise Refused("not_found")
    timeline = Timeline()
    _enter(timeline, room, person, by=person)
    timeline.write()
    return room


@transaction.atomic
def invite(person: Person, room: Room, name: str) -> Person:
    """Let somebody in.

    Raises:
        Refused: `forbidden` (the room is closed and the person does not manage it), `unknown_person`.
    """
    if not _is_in(person, room) or (room.is_closed and not may_manage(person, room)):
        raise Refused("forbidden")
    people = Person.objects.filter(is_active=True, kind=Person.Kind.PERSON)  # a service reads and says nothing here
    guest = people.filter(username__iexact=name.strip().lstrip("@")).first()
    if guest is None:
        raise Refused("unknown_person", given=name.strip()[:100])
    timeline = Timeline()
    if _enter(timeline, room, guest, by=person):
        audit.record(person, "room.invite", room.slug, "done", person=guest.username)
    timeline.write()
    return guest


@transaction.atomic
def remove(person: Person, room: Room, guest_id: int) -> None:
    """Take somebody, or oneself, out of the room. What they said stays.

    Raises:
        Refused: `forbidden`; `last_room_manager`: nobody would be left to look after a closed room.
    """
    _hold(room)
    theirs = Membership.objects.select_related("person").filter(room=room, person=guest_id).first()
    if theirs is None:
        return
    if guest_id != person.pk:
        require_manager(person, room)
    others = Membership.objects.filter(room=room).exclude(pk=theirs.pk)
    if theirs.is_manager and others.exists() and not others.filter(is_manager=True).exists():
        raise Refused("last_room_manager", room=room.slug)
    guest = theirs.person
    theirs.delete()
    timeline = Timeline()
    timeline.changed(room.pk, "member.left", {"person": {"id": guest.pk, "name": guest.username}}, by=person)
    timeline.told(guest, "membership", {"room": room.pk, "slug": room.slug, "is_in": False})
    timeline.write()
    if guest != person:
        audit.record(person, "room.remove", room.slug, "done", person=guest.username)


@transaction.atomic
def promote(person: Person, room: Room, guest_id: int, *, is_manager: bool) -> None:
    """Make a member a manager, or no longer one.

    Raises:
        Refused: `forbidden`, `last_room_manager`.
    """
    _hold(room)
    require_manager(person, room)
    members = Membership.objects.filter(room=room)
    if not is_manager and not members.filter(is_manager=True).exclude(person=guest_id).exists():
        raise Refused("last_room_manager", room=room.slug)
    if members.filter(person=guest_id).exclude(is_manager=is_manager).update(is_manager=is_manager):
        audit.record(person, "room.promote", room.slug, "done", person=guest_id, is_manager=is_manager)


def _hold(room: Room) -> None:
    """One change of who manages a room after the other: two managers who leave at once would each see the other."""
    Room.objects.select_for_update(no_key=True).get(pk=room.pk)


def _is_in(person: Person, room: Room) -> bool:
    return Membership.objects.filter(room=room, person=person).exists()


def _enter(timeline: Timeline, room: Room, person: Person, *, by: Person, **fields: Any) -> bool:
    """Whether the person is new in the room. What was said before they came counts as read."""
    mine, is_new = Membership.objects.get_or_create(room=room, person=person, defaults=fields)
    if is_new:
        mine.read = timeline.head(room.pk)
        mine.save(update_fields=["read"])
        timeline.changed(room.pk, "member.joined", {"person": {"id": person.pk, "name": person.username}}, by=by)
        timeline.told(person, "membership", {"room": room.pk, "slug": room.slug, "is_in": True})
    return is_new
