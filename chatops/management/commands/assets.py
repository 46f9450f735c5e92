"""`manage.py assets`: fetch go.js, compile translations, collect static files."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chatops import assets


class Command(BaseCommand):
    help = "Make what pages need besides templates: go.js, compiled translations, static files under hashed names."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-download", action="store_true", help="use go.js if it is there, fetch nothing")

    def handle(self, *args: Any, no_download: bool, verbosity: int, **options: Any) -> None:
        """Say only what was made."""

        def say(line: str) -> None:
            if verbosity > 0:
                self.stdout.write(line)

        if not no_download:
            assets.fetch_go_js(say)
        if written := assets.compile_translations():
            say(f"Translations: compiled {len(written)}.")
        if assets.collect_static():
            say("Static files: collected.")
