"""`manage.py app`: what is deployed, from where, and on which servers.

    manage.py app add shop https://git.example.org/shop.git
    manage.py app place shop staging /srv/shop web-1 web-2 --set PORT=8001
    manage.py app place shop production /srv/shop web-1 web-2 web-3 --set PORT=8002 --protected
    manage.py app rooms shop production deploys     commands for production are typed in that room only
    manage.py app forge shop --token < token        GitHub is asked what its checks say, with this token
    manage.py app checks shop production ci/test    and production takes only what ci/test is green on
    manage.py app list

`place` makes an environment, or changes where it lives: the folder on each server (relative: below the login's home),
and the servers in the order in which they are done. `--set` is an environment variable for the app's commands there.
"""

import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chatops.room.models import Room
from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Environment, Forge, Placement, Server
from deploy_core.reach import forge, git, http


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new app")
        add.add_argument("name")
        add.add_argument("repository", help="its git address: https://… or ssh://…")
        add.add_argument("--ref", default="main", help="what is deployed when nobody says what (default: main)")
        place = verbs.add_parser("place", help="an environment of an app: where it lives")
        place.add_argument("name")
        place.add_argument("environment")
        place.add_argument("path", help="folder on each server")
        place.add_argument("servers", nargs="+")
        place.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an environment variable")
        place.add_argument("--protected", action="store_true", help="its author confirms; builds kept apart")
        place.add_argument("--approvals", type=int, default=0, help="how many others must approve (default: none)")
        rooms = verbs.add_parser("rooms", help="where commands for an environment may be typed")
        rooms.add_argument("name")
        rooms.add_argument("environment")
        rooms.add_argument("rooms", nargs="*", help="none: everywhere")
        checks = verbs.add_parser("checks", help="what must be green before something is deployed")
        checks.add_argument("name")
        checks.add_argument("environment")
        checks.add_argument("checks", nargs="*", help="names of statuses or check runs, * for all; none: no gate")
        checks.add_argument("--never-forced", action="store_true", help="nobody deploys past them, for no reason")
        forge = verbs.add_parser("forge", help="how GitHub, where the repository is, is spoken with")
        forge.add_argument("name")
        forge.add_argument("--token", action="store_true", help="read a token of its API from standard input")
        forge.add_argument("--api", default="", help="address of the API (default: made from the repository's)")
        forge.add_argument("--tell", action="store_true", help="tell it of deployments and how they end")
        verbs.add_parser("list", help="every app and its environments")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                getattr(self, verb)(options)
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong

    def add(self, options: dict[str, Any]) -> None:
        """An app without a place yet."""
        if not git.is_allowed_url(options["repository"]):
            raise CommandError(f"{options['repository']}: expected an https or ssh address.")
        app = App(name=options["name"], repository=options["repository"], default_ref=options["ref"])
        app.full_clean()
        app.save()
        audit.record(None, "app.add", app.name, "done", repository=app.repository)

    def place(self, options: dict[str, Any]) -> None:
        """The environment's folder, variables and servers, as said; what was there before is replaced."""
        app = App.objects.filter(name=options["name"]).first()
        if app is None:
            raise CommandError(f"There is no app {options['name']}. manage.py app list shows all.")
        servers = {server.name: server for server in Server.objects.filter(name__in=options["servers"])}
        if missing := [name for name in options["servers"] if name not in servers]:
            raise CommandError(f"There is no server {', '.join(missing)}. manage.py server list shows all.")
        environment = Environment.objects.filter(app=app, name=options["environment"]).first() or Environment(
            app=app, name=options["environment"], position=app.environments.count()
        )
        environment.path = options["path"]
        environment.variables = dict(_variable(text) for text in options["set"])
        environment.is_protected = options["protected"]
        environment.approvals_needed = options["approvals"]
        environment.full_clean()
        environment.save()
        environment.placements.exclude(server__in=servers.values()).delete()
        for position, name in enumerate(options["servers"]):
            Placement.objects.update_or_create(
                environment=environment, server=servers[name], defaults={"position": position}
            )
        audit.record(None, "app.place", str(environment), "done", path=environment.path, servers=options["servers"])

    def checks(self, options: dict[str, Any]) -> None:
        """Statuses and check runs as a gate, or none."""
        environment = _environment(options)
        environment.required_checks = list(dict.fromkeys(options["checks"]))
        environment.checks_may_be_forced = not options["never_forced"]
        environment.save(update_fields=["required_checks", "checks_may_be_forced"])
        told = {"checks": environment.required_checks, "may_be_forced": environment.checks_may_be_forced}
        audit.record(None, "environment.save", str(environment), "done", **told)

    def forge(self, options: dict[str, Any]) -> None:
        """A token and an address; what is not said stays."""
        app = App.objects.filter(name=options["name"]).first()
        if app is None:
            raise CommandError(f"There is no app {options['name']}. manage.py app list shows all.")
        row, _ = Forge.objects.get_or_create(app=app)
        row.api_url, row.writes = options["api"] or row.api_url, options["tell"]
        if reason := http.why_not_allowed(forge.api_of(row)):
            raise CommandError(f"{forge.api_of(row)} may not be asked ({reason}); see SHIPROOM_INTERNAL_HOSTS.")
        row.save()
        if options["token"]:
            forge.keep_token(row, sys.stdin.readline().strip())
        audit.record(None, "app.forge", app.name, "done", api=forge.api_of(row), tells=row.writes)
        self.stdout.write(f"{app.name}: {forge.repository_of(app)} at {forge.api_of(row)}")

    def rooms(self, options: dict[str, Any]) -> None:
        """Limit commands for an environment to some rooms, or to none."""
        environment = _environment(options)
        known = Room.objects.filter(slug__in=options["rooms"]).values_list("slug", flat=True)
        if missing := sorted({*options["rooms"]} - {*known}):
            raise CommandError(f"There is no room {', '.join(missing)}. manage.py room list shows all.")
        environment.command_rooms = list(dict.fromkeys(options["rooms"]))
        environment.save(update_fields=["command_rooms"])
        audit.record(None, "environment.save", str(environment), "done", command_rooms=environment.command_rooms)

    def list(self, options: dict[str, Any]) -> None:
        """One line per app, one below it per environment."""
        for app in App.objects.order_by("name"):
            self.stdout.write(f"{app.name}: {app.repository}, {app.default_ref} unless said otherwise")
            for environment in app.environments.all():
                names = ", ".join(
                    placement.server.name for placement in environment.placements.select_related("server")
                )
                guarded = ", protected" if environment.is_protected else ""
                guarded += f", {environment.approvals_needed} to approve" if environment.approvals_needed else ""
                guarded += f", after {' and '.join(environment.required_checks)}" if environment.required_checks else ""
                guarded += f", from {' and '.join(environment.command_rooms)} only" if environment.command_rooms else ""
                self.stdout.write(f"  {environment.name}: {environment.path} on {names}{guarded}")


def _environment(options: dict[str, Any]) -> Environment:
    where = {"app__name": options["name"], "name": options["environment"]}
    environment = Environment.objects.filter(**where).select_related("app").first()
    if environment is None:
        raise CommandError(f"There is no {options['name']}/{options['environment']}. manage.py app list shows all.")
    return environment


def _variable(text: str) -> tuple[str, str]:
    name, is_set, value = text.partition("=")
    if not is_set or not name.isidentifier() or not name.isascii():
        raise CommandError(f"{text}: expected NAME=VALUE.")
    return name, value
