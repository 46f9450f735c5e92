"""What each command does. Importing this package registers them all."""

from bot.registry import COMMANDS

from . import consent, guard, help, look, ship, steer, waiting, watch

__all__ = ["COMMANDS", "consent", "guard", "help", "look", "ship", "steer", "waiting", "watch"]
