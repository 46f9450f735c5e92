"""The bot as a Django app: its commands `explain` lives here; it has no tables."""

from django.apps import AppConfig


class BotConfig(AppConfig):
    name = "bot"
