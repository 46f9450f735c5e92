"""The bot as a Django app: its commands, and what people call their own lines."""

from django.apps import AppConfig


class BotConfig(AppConfig):
    name = "bot"
