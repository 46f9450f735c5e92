"""This part of the web project as a Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "chatops.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Hear who signs in, and say how codes in commands are told right from wrong."""
        from chatops.accounts import codes, visits  # noqa: F401
        from deploy_core.safety import proof

        proof.learn(codes.is_right)
