"""What each command does. Importing this package registers them all."""

from bot.registry import COMMANDS

from . import help, look, ship, steer, watch

__all__ = ["COMMANDS", "help", "look", "ship", "steer", "watch"]
