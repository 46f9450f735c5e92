"""`manage.py secret`: what an environment's builds and commands may know, and nobody is shown again.

    manage.py secret set shop production NPM_TOKEN --builds < token
    manage.py secret set shop production STRIPE_KEY --servers
    manage.py secret list shop production
    manage.py secret remove shop production NPM_TOKEN

The value comes on stdin, or is asked for without an echo: on a command line everybody on the machine could read it.
`set` with neither --builds nor --servers keeps the grants it has. Each value is a new version, and a plan that was
approved before is not run with it.
"""

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from deploy_core import granting
from deploy_core.errors import Refused
from deploy_core.granting import To
from deploy_core.management.verbs import verbs_of
from deploy_core.models import Environment
from deploy_core.reach import secrets
from deploy_core.sealing import SealError


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = verbs_of(parser)
        for verb, what in (("set", "a new value"), ("remove", "no value any more"), ("list", "names, never values")):
            one = verbs.add_parser(verb, help=what)
            one.add_argument("app")
            one.add_argument("environment")
            if verb != "list":
                one.add_argument("name", help="of the variable")
            if verb == "set":
                one.add_argument("--builds", action="store_true", help="for builds and the hooks around a fetch")
                one.add_argument(
                    "--servers", action="store_true", help="for hooks, restart, health and tasks on servers"
                )

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            with transaction.atomic():
                {"set": self.keep, "remove": self.remove, "list": self.list}[verb](_environment(options), options)
        except ValidationError as wrong:
            raise CommandError("; ".join(wrong.messages)) from wrong
        except Refused as refused:
            least, most = refused.params["least"], refused.params["limit_bytes"]
            raise CommandError(f"{options['name']}: expected {least} to {most} bytes of text.") from refused
        except SealError as error:
            raise CommandError(f"The key ring does not serve: {error}.") from error

    def keep(self, environment: Environment, options: dict[str, Any]) -> None:
        """A new version of the value, for whom it is granted."""
        to = To(options["builds"], options["servers"])
        known = environment.secrets.filter(name=options["name"]).first()
        if not any(to) and known:
            to = granting.granted_to(known)
        if not any(to):
            raise CommandError("Say for whom it is: --builds, --servers, or both.")
        row = granting.put(environment, options["name"], _value(), to, by=None)
        self.stdout.write(f"{row}: version {row.version}, for {to}")

    def remove(self, environment: Environment, options: dict[str, Any]) -> None:
        """The row goes, with the sealed value."""
        row = environment.secrets.filter(name=options["name"]).first()
        if row is None:
            raise CommandError(f"{environment} has no secret {options['name']}.")
        granting.remove(row, by=None)

    def list(self, environment: Environment, options: dict[str, Any]) -> None:
        """One line per secret."""
        for row in environment.secrets.all():
            to = granting.granted_to(row)
            self.stdout.write(f"{row.name}: version {row.version} of {row.changed:%Y-%m-%d %H:%M}, for {to}")


def _environment(options: dict[str, Any]) -> Environment:
    found = Environment.objects.filter(app__name=options["app"], name=options["environment"]).first()
    if found is None:
        raise CommandError(f"There is no {options['app']}/{options['environment']}. manage.py app list shows all.")
    return found


def _value() -> str:
    """Without the newline that ends it."""
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    try:
        return sys.stdin.buffer.read(secrets.LIMIT_BYTES + 2).decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise CommandError("The value is no UTF-8 text.") from error
