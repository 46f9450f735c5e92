"""Verbs of a command: `manage.py app add …`, `manage.py app list`."""

from argparse import RawDescriptionHelpFormatter, _SubParsersAction

from django.core.management.base import CommandParser


def verbs_of(parser: CommandParser) -> "_SubParsersAction[CommandParser]":
    """Where a command adds its verbs, one of which must be said; its help keeps the lines that it was written in."""
    parser.formatter_class = RawDescriptionHelpFormatter
    return parser.add_subparsers(dest="verb", required=True)
