"""`manage.py explain "LINE"`: how the bot understands a line, as JSON. Runs nothing."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bot import context_file, world
from bot.grammar import parse
from bot.mistakes import Mistake
from bot.names import Context


class Command(BaseCommand):
    help = "Print as JSON how the bot understands a line; nothing is run."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("line", nargs="?", help="the line, as it would be typed")
        parser.add_argument("--stdin", action="store_true", help='read {"text", "surface", "room"} objects, one a line')
        parser.add_argument("--context", metavar="FILE", help="names from this JSON file instead of the database")
        parser.add_argument("--surface", default="web", help="where the line is typed: web (usual) or slack")
        parser.add_argument("--room", default="", help="the room it is typed in, one of the context's")
        parser.add_argument(
            "--default-app", default="", help="the app that the room falls back to, for names of the database"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["stdin"] == (options["line"] is not None):
            raise CommandError('Give one line, or --stdin. Example: manage.py explain "/deploy shop to staging"')
        context = self._context(options["context"], options["room"], options["default_app"])
        if options["stdin"]:
            lines = (line.decode(errors="replace") for line in sys.stdin.buffer)
            answers: Iterable[dict[str, Any]] = (_explain_json(line, context) for line in lines if line.strip())
        else:
            answers = [_explain(options["line"], context, options["surface"], options["room"])]
        for answer in answers:
            self.stdout.write(json.dumps(answer))
            self.stdout.flush()

    def _context(self, path: str | None, room: str, default_app: str) -> Context:
        if path is None:
            return world.everything(room, default_app)
        try:
            return context_file.read(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{path} is no context file: {error}") from error


def _explain_json(line: str, context: Context) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str):
        return {"error": "bad_frame"}
    return _explain(asked["text"], context, str(asked.get("surface") or "web"), str(asked.get("room") or ""))


def _explain(text: str, context: Context, surface: str, room: str) -> dict[str, Any]:
    try:
        parsed = parse(text, context, surface=surface, room=room)
    except Mistake as mistake:
        return mistake.as_json()
    return parsed.as_json() if parsed else {"cmd": None}
