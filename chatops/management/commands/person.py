"""`manage.py person`: who may come in, and what they may do.

    manage.py person add alice --grant deployer      a new person; prints their one-time sign-in link
    manage.py person add ci --service                owns tokens and webhooks, cannot sign in
    manage.py person link alice --hours 24           another link
    manage.py person grant alice approver --app shop --environment production
    manage.py person revoke alice approver --app shop --environment production
    manage.py person list                            everybody, with their grants

A role on no `--app` is on every app, on no `--environment` on every environment. `manage.py changepassword alice`
gives somebody a password.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from chatops.accounts import links
from deploy_core.ledger import audit
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Grant, Person
from deploy_core.rules.grants import EVERYWHERE, ROLES


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new person")
        add.add_argument("name")
        add.add_argument("--service", action="store_true", help="owns tokens and webhooks, cannot sign in")
        add.add_argument("--grant", metavar="ROLE", choices=ROLES, help="this role on every app")
        link = verbs.add_parser("link", help="a one-time sign-in link")
        link.add_argument("name")
        link.add_argument("--hours", type=float, help="how long it is good for (default: SHIPROOM_SIGN_IN_LINK_S)")
        for verb in ("grant", "revoke"):
            change = verbs.add_parser(verb, help=f"{verb} a role")
            change.add_argument("name")
            change.add_argument("role", choices=ROLES)
            change.add_argument("--app", default="", help="on this app alone")
            change.add_argument("--environment", default=EVERYWHERE, help="in environments of this name alone")
        verbs.add_parser("list", help="everybody, with their grants")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        with transaction.atomic():
            getattr(self, verb)(options)

    def add(self, options: dict[str, Any]) -> None:
        """A new person, with a link to come in by."""
        kind = Person.Kind.SERVICE if options["service"] else Person.Kind.PERSON
        person = Person(username=options["name"], kind=kind)
        person.set_unusable_password()
        try:
            person.full_clean()
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong
        person.save()
        audit.record(None, "person.add", person.username, "done", kind=kind)
        if options["grant"]:
            self._change("grant", person, options["grant"], "", EVERYWHERE)
        if kind == Person.Kind.PERSON:
            self.stdout.write(links.address(links.issue(person)))

    def link(self, options: dict[str, Any]) -> None:
        """Another link for somebody who is there."""
        person = _person(options["name"])
        if person.kind == Person.Kind.SERVICE or not person.is_active:
            raise CommandError(f"{person.username} may not sign in.")
        hours = options["hours"]
        token = links.issue(person, lifetime=timedelta(hours=hours) if hours is not None else None)
        audit.record(None, "person.link", person.username, "done")
        self.stdout.write(links.address(token))

    def grant(self, options: dict[str, Any]) -> None:
        """A role more."""
        self._change("grant", _person(options["name"]), options["role"], options["app"], options["environment"])

    def revoke(self, options: dict[str, Any]) -> None:
        """A role less."""
        self._change("revoke", _person(options["name"]), options["role"], options["app"], options["environment"])

    def list(self, options: dict[str, Any]) -> None:
        """One line per person."""
        for person in Person.objects.order_by("username").prefetch_related("grants__app"):
            grants = ", ".join(f"{g.role} on {g.app or '*'}/{g.environment}" for g in person.grants.all())
            state = "" if person.is_active else " (inactive)"
            self.stdout.write(f"{person.username}{state}: {person.kind}; {grants or 'no grants'}")

    def _change(self, verb: str, person: Person, role: str, app_name: str, environment: str) -> None:
        app = _app(app_name) if app_name else None
        if verb == "grant":
            Grant.objects.get_or_create(person=person, role=role, app=app, environment=environment)
        else:
            found, _ = Grant.objects.filter(person=person, role=role, app=app, environment=environment).delete()
            if not found:
                raise CommandError(f"{person.username} is not {role} on {app or '*'}/{environment}.")
        audit.record(None, f"person.{verb}", person.username, "done", role=role, app=app_name, environment=environment)


def _person(name: str) -> Person:
    person = Person.objects.filter(username=name).first()
    if person is None:
        raise CommandError(f"There is no {name}. manage.py person list shows everybody.")
    return person


def _app(name: str) -> App:
    app = App.objects.filter(name=name).first()
    if app is None:
        raise CommandError(
            f"There is no app {name}. There are: {', '.join(App.objects.values_list('name', flat=True))}"
        )
    return app
