"""Why a command would be refused at an environment, in a few words: said while the line is still being typed."""

from typing import Any

from deploy_core.models import Environment
from deploy_core.rules.grants import Action
from deploy_core.safety import freezes, locks

from . import phrases
from .phrases.tables import at
from .world import World

_SHIPS = ("deploy", "rollback")


class Obstacles:
    """The locks and freezes as they stand, read once."""

    def __init__(self, seen: World) -> None:
        self._seen = seen
        self._locks = locks.standing()
        self._calendar = freezes.calendar()

    def of(self, environment: Environment, permission: Action) -> str:
        """The first thing in the way of `permission` there; "" when nothing is."""
        app, name = environment.app.name, environment.name
        if permission == "view":
            return ""
        if not self._seen.may(permission, app, name):
            return phrases.render("choice.no_right", {})
        if environment.command_rooms and self._seen.room not in environment.command_rooms:
            return phrases.render("choice.elsewhere", {})
        others = [lock for lock in self._locks if locks.covers(lock, environment) and lock.owner != self._seen.actor]
        if others and permission in (*_SHIPS, "lock"):
            told: dict[str, Any] = {"by": others[0].owner.username, "until": at(others[0].expires)}
            return phrases.render("choice.locked", told)
        if permission in _SHIPS and (shut := self._calendar.closed(app, name)):
            return phrases.render("choice.frozen", {"until": at(shut.until)})
        return ""
