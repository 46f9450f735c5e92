"""The web project as a Django app: it holds the commands `serve`, `say`, `demo` and `assets`."""

from django.apps import AppConfig


class ChatopsConfig(AppConfig):
    name = "chatops"
