"""The room as a Django app."""

from typing import Any

from django.apps import AppConfig


class RoomConfig(AppConfig):
    name = "chatops.room"
    label = "room"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hear the journal, who signs out, and who may see less than before. What hears is imported when there is
        something to hear."""
        from django.contrib.auth.signals import user_logged_out
        from django.db.models.signals import m2m_changed, post_delete, post_save

        from chatops.accounts.visits import ended
        from chatops.room.models import Room
        from deploy_core.ledger import progress
        from deploy_core.ledger.journal import recorded
        from deploy_core.models import Team

        recorded.connect(_recorded, dispatch_uid="room")
        progress.told.connect(_told, dispatch_uid="room")
        user_logged_out.connect(_signed_out, dispatch_uid="room")
        ended.connect(_session_ended, dispatch_uid="room")
        post_save.connect(_person_changed, "deploy_core.Person", dispatch_uid="room")
        post_save.connect(_rights_changed, "deploy_core.Grant", dispatch_uid="room")
        post_delete.connect(_rights_changed, "deploy_core.Grant", dispatch_uid="room")
        post_delete.connect(_rights_changed, "room.Membership", dispatch_uid="room")
        for of_many in (Team.people.through, Room.apps.through):
            m2m_changed.connect(_many_changed, of_many, dispatch_uid="room")


def _recorded(*, stream: str, number: int, **_: Any) -> None:
    from chatops.room import progress

    progress.heard(stream, number)


def _told(*, stream: str, key: str, done: int, total: int, **_: Any) -> None:
    from chatops.room import hub
    from chatops.room.models import Stream

    if named := Stream.parse(stream):
        hub.tell_progress(named, {key: {"done": done, "total": total}})


def _signed_out(*, request: Any, user: Any, **_: Any) -> None:
    from chatops.room import guests

    key = request.session.session_key if request is not None else None
    if key:
        guests.session_ended(key, user.pk if user else None)


def _person_changed(*, instance: Any, created: bool, update_fields: Any, **_: Any) -> None:
    if not created and (update_fields is None or {"is_active", "password"}.intersection(update_fields)):
        _look_at(instance.pk)


def _rights_changed(*, instance: Any, **_: Any) -> None:
    """A grant or a membership; a grant to a team has no person."""
    _look_at(instance.person_id)


def _many_changed(*, action: str, **_: Any) -> None:
    """Who is in a team, or which apps a room shows its members."""
    if action in ("post_remove", "post_clear"):
        _look_at(None)


def _look_at(person_id: int | None) -> None:
    """Once the change is there to be seen."""
    from django.db import transaction

    from chatops.room import guests

    transaction.on_commit(lambda: guests.look_at(person_id), robust=True)


def _session_ended(*, key: str, person_id: int, **_: Any) -> None:
    from chatops.room import guests

    guests.session_ended(key, person_id)
