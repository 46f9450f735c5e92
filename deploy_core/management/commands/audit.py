"""`manage.py audit verify`: walk the chain of audit rows and name the first that is wrong or missing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from deploy_core.ledger import audit


class Command(BaseCommand):
    help = "Check that no audit row was changed or removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["verify"])

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        verdict = audit.verify()
        if verdict.broken_at is not None:
            raise CommandError(
                f"audit row {verdict.broken_at} is changed or missing; {verdict.good} rows before it are good"
            )
        self.stdout.write(f"{verdict.good} audit rows, unbroken")
