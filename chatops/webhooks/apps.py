"""Webhooks as a Django app: those that come in from where repositories live, and those that go out."""

from typing import Any

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "chatops.webhooks"
    label = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear the journal: what happens to deployments is told soon, and not only at the next tick."""
        from deploy_core.ledger.journal import recorded

        recorded.connect(_recorded, dispatch_uid="webhooks")


def _recorded(*, stream: str, **_: Any) -> None:
    if stream.startswith("log:"):  # output comes many times a second, and no address is told of it
        return
    from chatops.webhooks import sending

    sending.rounds.wake()
