"""This part of the web project as a Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "chatops.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Hear who signs in."""
        from chatops.accounts import visits  # noqa: F401
