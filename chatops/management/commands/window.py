"""`manage.py window`: spans of the week in which nothing is deployed, or in which only something is.

    manage.py window add deny production --days fri-sun --from 16:00 --until 08:00 --zone Europe/Berlin --reason weekend
    manage.py window add allow production --app shop --days mon-thu --from 09:00 --until 16:00
    manage.py window list
    manage.py window remove 3

A window that ends before it begins ends on the day after; equal times are the whole day. Deny beats allow.
"""

from argparse import ArgumentTypeError
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Window
from deploy_core.rules.windows import days_named, days_text


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new window")
        add.add_argument("kind", choices=Window.Kind.values)
        add.add_argument("environment", help="its name, or * for all")
        add.add_argument("--app", default="", help="one app (default: all)")
        add.add_argument("--days", type=_days, required=True, help="mon-fri,sun")
        add.add_argument("--from", dest="opens", type=_clock, default=time(0), help="09:00 (default: midnight)")
        add.add_argument("--until", dest="closes", type=_clock, default=time(0), help="17:00 (default: midnight)")
        add.add_argument("--zone", type=_zone, default="UTC", help="whose clocks (default: UTC)")
        add.add_argument("--reason", default="")
        verbs.add_parser("list", help="every window")
        remove = verbs.add_parser("remove", help="take one away")
        remove.add_argument("number", type=int)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        with transaction.atomic():
            getattr(self, verb)(options)

    def add(self, options: dict[str, Any]) -> None:
        """A window, from now on."""
        app = App.objects.filter(name=options["app"]).first()
        if options["app"] and app is None:
            raise CommandError(f"There is no app {options['app']}. manage.py app list shows all.")
        fields = {name: options[name] for name in ("kind", "environment", "days", "opens", "closes", "reason")}
        window = Window.objects.create(app=app, time_zone=options["zone"], **fields)
        audit.record(None, "window.add", str(window), "done")
        self.stdout.write(_told(window))

    def list(self, options: dict[str, Any]) -> None:
        """One line per window."""
        for window in Window.objects.select_related("app").order_by("pk"):
            self.stdout.write(_told(window))

    def remove(self, options: dict[str, Any]) -> None:
        """One window less."""
        window = Window.objects.filter(pk=options["number"]).first()
        if window is None:
            raise CommandError(f"There is no window {options['number']}. manage.py window list shows all.")
        audit.record(None, "window.remove", str(window), "done")
        window.delete()


def _told(window: Window) -> str:
    scope = f"{window.app.name if window.app else '*'}/{window.environment}"
    hours = f"{window.opens:%H:%M}-{window.closes:%H:%M} {window.time_zone}"
    return f"{window.pk}: {window.kind} {scope} {days_text(window.days)} {hours} {window.reason}".rstrip()


def _days(text: str) -> list[int]:
    try:
        return sorted(days_named(text))
    except ValueError:
        raise ArgumentTypeError(f"{text}: expected days like mon-fri,sun") from None


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text}: expected a time like 09:00") from None


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, LookupError):
        raise ArgumentTypeError(f"{text}: expected a time zone like Europe/Berlin") from None
