"""The room as a Django app."""

from typing import Any

from django.apps import AppConfig


class RoomConfig(AppConfig):
    name = "chatops.room"
    label = "room"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear the journal, and who signs out. What hears is imported when there is something to hear."""
        from django.contrib.auth.signals import user_logged_out

        from chatops.accounts.visits import ended
        from deploy_core.ledger import progress
        from deploy_core.ledger.journal import recorded

        recorded.connect(_recorded, dispatch_uid="room")
        progress.told.connect(_told, dispatch_uid="room")
        user_logged_out.connect(_signed_out, dispatch_uid="room")
        ended.connect(_session_ended, dispatch_uid="room")


def _recorded(*, stream: str, number: int, **_: Any) -> None:
    from chatops.room import progress

    progress.heard(stream, number)


def _told(*, stream: str, key: str, done: int, total: int, **_: Any) -> None:
    from chatops.room import hub
    from chatops.room.models import Stream

    if named := Stream.parse(stream):
        hub.tell_progress(named, {key: {"done": done, "total": total}})


def _signed_out(*, request: Any, **_: Any) -> None:
    from chatops.room import guests

    key = request.session.session_key if request is not None else None
    if key:
        guests.session_ended(key)


def _session_ended(*, key: str, **_: Any) -> None:
    from chatops.room import guests

    guests.session_ended(key)
