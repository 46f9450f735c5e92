"""One understood command of one person, with the rows it names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.models import App, Deployment, Environment, Freeze, Lock, Window
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.rules.times import moment, zone_named

from .grammar import Parsed, clickable
from .invocation import Invocation, Reply
from .world import World

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Order:
    """What runs a command gets: the parsed line, who typed it where, and what they see."""

    parsed: Parsed
    invocation: Invocation
    world: World
    #: Whether it changes something, so that it may be typed only where the environment allows it.
    is_act: bool = False

    @property
    def app_name(self) -> str:
        """The app that is named, or the room's; empty for none."""
        return self.parsed.app or self.world.default_app

    def app(self) -> App:
        """
        Raises:
            Refused: `app_required`.
        """
        if not self.app_name:
            raise Refused("app_required")
        return self.world.app(self.app_name)

    def environment(self) -> Environment:
        """
        Raises:
            Refused: `app_required`, or `env_required`: nothing goes anywhere without being told where.
        """
        app = self.app()
        if not self.parsed.env:
            raise Refused("env_required")
        environment = self.environment_of(app, self.parsed.env)
        self.require_room(environment)
        return environment

    def require_room(self, environment: Environment) -> None:
        """
        Raises:
            Refused: `not_in_room`, with those of the environment's rooms that the author may see; for a program
                `token_not_bound`, unless its token was made for this place. Managers of the app made its webhook.
        """
        rooms, here = environment.command_rooms, self.invocation
        if not self.is_act or not rooms or here.surface == "webhook" or here.room in rooms:
            return
        place = {"app": environment.app.name, "environment": environment.name}
        if here.surface != "api":
            raise Refused("not_in_room", **place, rooms=[name for name in rooms if name in here.rooms])
        if here.bound_to != f"{environment.app.name}/{environment.name}":
            raise Refused("token_not_bound", **place)

    def environment_of(self, app: App, name: str) -> Environment:
        """
        Raises:
            Refused: `unknown_env`: one that the author may not view is none.
        """
        if not self.world.may_view(app.name, name):
            raise Refused("unknown_env", app=app.name, given=name)
        return self.world.environment(app, name)

    def environments(self) -> list[Environment]:
        """Those that a line means and its author may view: an app's, those of a name, or all there are."""
        names = [self.parsed.app] if self.parsed.app else list(self.world.environments)
        return [
            environment
            for name in names
            for environment in self.world.environments.get(name, {}).values()
            if self._may_view(environment) and self.parsed.env in ("", environment.name)
        ]

    def concerns(self, row: Lock | Freeze | Window) -> bool:
        """Whether a lock, freeze or window is about something the author may see and the line means."""
        if row.app and row.app.name not in self.world.names:
            return False
        if row.app and row.environment != EVERYWHERE and not self.world.may_view(row.app.name, row.environment):
            return False
        is_app = not self.parsed.app or row.app is None or row.app.name == self.parsed.app
        return is_app and (not self.parsed.env or row.environment in (EVERYWHERE, self.parsed.env))

    def _may_view(self, environment: Environment) -> bool:
        return self.world.may_view(environment.app.name, environment.name)

    def zone(self) -> ZoneInfo:
        """The author's own; UTC until they have one."""
        return zone_named(self.invocation.actor.time_zone)

    def moment(self, text: str) -> datetime:
        """The moment a typed time means by the author's clocks.

        Raises:
            Refused: as `times.moment`; a time with two readings comes with a line for each.
        """
        try:
            return moment(text, self.zone(), timezone.now())
        except Refused as error:
            readings = error.params.get("readings")
            if isinstance(readings, list):
                error.suggest = tuple(self.invocation.text.replace(text, reading, 1) for reading in readings)
            raise

    def environment_or_none(self) -> Environment | None:
        return self.environment() if self.parsed.env else None

    def deployment(self) -> Deployment:
        """The deployment that `#42` names.

        Raises:
            Refused: `not_found`, whether there is none or the author may not see its app.
        """
        number = self.parsed.id
        if number is not None and number <= _LARGEST_ID:
            found = (
                Deployment.objects.select_related("app", "environment__app", "requested_by").filter(pk=number).first()
            )
            if found and found.app.name in self.world.names and self._may_view(found.environment):
                self.require_room(found.environment)
                return found
        raise Refused("not_found")

    def line(self, body: str) -> str:
        """A command to press, as it is typed where this one was."""
        return clickable(body, self.invocation.surface)

    def answer(self, code: str, *apps: str, suggest: tuple[str, ...] = (), **params: Any) -> Reply:
        """A reply that tells about `apps`: for everybody in the room if it follows them all, else for the author."""
        is_public = bool(self.invocation.room) and all(app in self.world.followed for app in apps)
        return Reply(code, params, suggest=suggest, is_public=is_public)
