"""`manage.py room`: where people talk, and which apps they hear about there.

    manage.py room add ops --topic "Ship and watch" --app shop --member alice --member bob
    manage.py room add ops --member carol            one more; what is there stays
    manage.py room add ops --manager carol           carol looks after it: lets people in, sets the topic
    manage.py room list

The first `--app` becomes the one that a command means when it names none.
"""

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chatops.room.models import Membership, Room
from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Person

T = TypeVar("T", App, Person)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new room, or more for one that is there")
        add.add_argument("slug")
        add.add_argument("--topic", default="")
        add.add_argument("--app", action="append", default=[], help="follow this app")
        add.add_argument(
            "--environment", action="append", default=[], help="hear of environments of this name alone (default: all)"
        )
        add.add_argument("--member", action="append", default=[], help="let this person in")
        add.add_argument("--closed", action="store_true", help="seen by its members only")
        add.add_argument("--manager", action="append", default=[], help="let this person in, to look after the room")
        add.add_argument("--announcements", action="store_true", help="only managers write; announcements come here")
        verbs.add_parser("list", help="every room, its apps and its members")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                getattr(self, verb)(options)
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong

    def add(self, options: dict[str, Any]) -> None:
        """A room that follows apps and has members."""
        apps = [_one(App.objects.filter(name=name).first(), "app", name) for name in options["app"]]
        named = [*options["member"], *options["manager"]]
        people = [_one(Person.objects.filter(username=name).first(), "person", name) for name in named]
        room = Room.objects.filter(slug=options["slug"]).first() or Room(
            slug=options["slug"], is_closed=options["closed"]
        )
        room.topic = options["topic"] or room.topic
        if apps and room.default_app is None:
            room.default_app = apps[0]
        room.environments = options["environment"] or room.environments
        room.is_announcements |= options["announcements"]
        room.full_clean()
        room.save()
        room.apps.add(*apps)
        for person in people:
            Membership.objects.get_or_create(room=room, person=person)
        room.memberships.filter(person__username__in=options["manager"]).update(is_manager=True)
        audit.record(None, "room.add", room.slug, "done", apps=options["app"], members=named)

    def list(self, options: dict[str, Any]) -> None:
        """One line per room."""
        for room in Room.objects.order_by("slug"):
            apps = ", ".join(room.apps.order_by("name").values_list("name", flat=True)) or "no app"
            members = ", ".join(room.members.order_by("username").values_list("username", flat=True)) or "nobody"
            apps += f" in {', '.join(room.environments)}" if room.environments else ""
            self.stdout.write(f"{room.slug}{' (closed)' if room.is_closed else ''}: {apps}; {members}")


def _one(found: T | None, kind: str, name: str) -> T:
    if found is None:
        raise CommandError(f"There is no {kind} {name}.")
    return found
