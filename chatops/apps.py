"""The web project as a Django app: it holds the commands `serve`, `say`, `demo` and `assets`, and the system checks."""

from django.apps import AppConfig


class ChatopsConfig(AppConfig):
    name = "chatops"

    def ready(self) -> None:
        """Register the checks."""
        from chatops import checks  # noqa: F401
