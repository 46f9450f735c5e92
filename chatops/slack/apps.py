"""This part of the web project as a Django app."""

from typing import Any

from django.apps import AppConfig


class SlackConfig(AppConfig):
    name = "chatops.slack"
    label = "slack"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear the journal: what happens to deployments is told soon, and not only at the next tick."""
        from deploy_core.ledger.journal import recorded

        recorded.connect(_recorded, dispatch_uid="slack")


def _recorded(**_: Any) -> None:
    from chatops.slack import drainer

    drainer.wake()
