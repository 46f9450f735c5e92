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
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import Environment, Secret
from deploy_core.reach import secrets
from deploy_core.sealing import SealError


class Command(BaseCommand):
    help = __doc__

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The help above keeps its lines."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
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
        row = environment.secrets.filter(name=options["name"]).first()
        row = row or Secret(environment=environment, name=options["name"])
        if options["builds"] or options["servers"]:
            row.for_builds, row.for_servers = options["builds"], options["servers"]
        if not (row.for_builds or row.for_servers):
            raise CommandError("Say for whom it is: --builds, --servers, or both.")
        row.full_clean()
        row.save()
        secrets.keep(row, _value())
        audit.record(None, "secret.set", str(row), "done", version=row.version, granted=_granted(row))
        self.stdout.write(f"{row}: version {row.version}, for {_granted(row)}")

    def remove(self, environment: Environment, options: dict[str, Any]) -> None:
        """The row goes, with the sealed value."""
        row = environment.secrets.filter(name=options["name"]).first()
        if row is None:
            raise CommandError(f"{environment} has no secret {options['name']}.")
        audit_target = str(row)
        row.delete()
        audit.record(None, "secret.remove", audit_target, "done")

    def list(self, environment: Environment, options: dict[str, Any]) -> None:
        """One line per secret."""
        for row in environment.secrets.all():
            self.stdout.write(f"{row.name}: version {row.version} of {row.changed:%Y-%m-%d %H:%M}, for {_granted(row)}")


def _environment(options: dict[str, Any]) -> Environment:
    found = Environment.objects.filter(app__name=options["app"], name=options["environment"]).first()
    if found is None:
        raise CommandError(f"There is no {options['app']}/{options['environment']}. manage.py app list shows all.")
    return found


def _granted(row: Secret) -> str:
    return " and ".join(name for name, is_one in (("builds", row.for_builds), ("servers", row.for_servers)) if is_one)


def _value() -> str:
    """Without the newline that ends it."""
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    try:
        return sys.stdin.buffer.read(secrets.LIMIT_BYTES + 2).decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise CommandError("The value is no UTF-8 text.") from error
