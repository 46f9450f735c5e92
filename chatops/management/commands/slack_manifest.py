"""`manage.py slack_manifest`: what to paste at api.slack.com to make the app, with this address of ours in it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chatops.slack import manifest


class Command(BaseCommand):
    help = "Print the manifest of the Slack app (JSON)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--socket", action="store_true", help="for Socket Mode: Slack cannot reach this installation"
        )

    def handle(self, *args: Any, socket: bool, **options: Any) -> None:
        """Print it; say on stderr when Slack could not reach the address in it."""
        if not settings.IS_PRODUCTION and not socket:
            self.stderr.write(
                f"Slack reaches no {settings.PUBLIC_URL}: set PUBLIC_URL to an https address, or use --socket."
            )
        self.stdout.write(
            json.dumps(manifest.make(settings.PUBLIC_URL, is_socket=socket), indent=2, ensure_ascii=False)
        )
