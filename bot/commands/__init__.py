"""What each command does. Importing this package registers them all."""

from bot.registry import COMMANDS

from . import ahead, calling, consent, guard, help, look, output, own, ship, steer, waiting, watch

__all__ = [
    "COMMANDS",
    "ahead",
    "calling",
    "consent",
    "guard",
    "help",
    "look",
    "output",
    "own",
    "ship",
    "steer",
    "waiting",
    "watch",
]
