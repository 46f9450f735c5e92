"""This part of the web project as a Django app."""

from typing import Any

from django.apps import AppConfig


class SlackConfig(AppConfig):
    name = "chatops.slack"
    label = "slack"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear the journal: what happens to deployments is told soon, and not only at the next tick."""
        from bot import elsewhere
        from deploy_core.ledger.journal import recorded

        recorded.connect(_recorded, dispatch_uid="slack")
        elsewhere.learn("slack", _accounts_of)


def _accounts_of(person: Any) -> list[str]:
    """The linked users of a person, for /whoami."""
    linked = person.slack_identities.select_related("workspace").order_by("pk")
    return [f"{each.user} in {each.workspace.name or each.workspace.team} (Slack)" for each in linked]


def _recorded(*, stream: str, **_: Any) -> None:
    if stream.startswith("log:"):  # output comes many times a second, and Slack is not told of it
        return
    from chatops.slack import drainer

    drainer.rounds.wake()
