"""`manage.py token`: what programs show to use the HTTP API.

    manage.py token add ci build --scope deploy --scope status --days 90 --app shop --environment staging
    manage.py token list
    manage.py token revoke ci build

A token acts as its person, with that person's rights and no more; scopes, app and environment only narrow them. It is
printed once, and only its hash is kept.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from chatops.api import tokens
from chatops.api.models import Token
from deploy_core.management.verbs import verbs_of
from deploy_core.models import App, Person


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        add = verbs.add_parser("add", help="a new token; it is printed once")
        add.add_argument("person")
        add.add_argument("name", help="what it is for")
        add.add_argument("--scope", action="append", default=[], choices=tokens.SCOPES)
        add.add_argument("--days", type=int, default=90, help="how long it is good for (default: 90)")
        add.add_argument("--app", default="", help="for this app alone")
        add.add_argument("--environment", default="", help="for environments of this name alone")
        revoke = verbs.add_parser("revoke", help="end a token now")
        revoke.add_argument("person")
        revoke.add_argument("name")
        verbs.add_parser("list", help="every token, without what it is")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                getattr(self, verb)(options)
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong

    def add(self, options: dict[str, Any]) -> None:
        """A token for somebody who is there."""
        person = Person.objects.filter(username=options["person"], is_active=True).first()
        if person is None:
            raise CommandError(f"There is no active {options['person']}. manage.py person list shows everybody.")
        app = App.objects.filter(name=options["app"]).first()
        if options["app"] and app is None:
            raise CommandError(f"There is no app {options['app']}. manage.py app list shows all.")
        _, text = tokens.issue(
            person,
            options["name"],
            scopes=options["scope"],
            days=options["days"],
            by=None,
            app=app,
            environment=options["environment"],
        )
        self.stdout.write(text)

    def revoke(self, options: dict[str, Any]) -> None:
        """A token that is no good any more."""
        token = Token.objects.filter(person__username=options["person"], name=options["name"]).first()
        if token is None:
            raise CommandError(f"{options['person']} has no token {options['name']}. manage.py token list shows all.")
        tokens.revoke(token, by=None)

    def list(self, options: dict[str, Any]) -> None:
        """One line per token."""
        for token in Token.objects.select_related("person", "app").order_by("person__username", "name"):
            state = "revoked" if token.revoked else "expired" if token.expires <= timezone.now() else "good"
            place = f"{token.app or '*'}/{token.environment or '*'}"
            used = f"used {token.last_used:%Y-%m-%d}" if token.last_used else "never used"
            self.stdout.write(
                f"{token.person} {token.name} {token.beginning}…: {', '.join(token.scopes)} on {place}, "
                f"{state} until {token.expires:%Y-%m-%d}, {used}"
            )
