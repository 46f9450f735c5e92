"""What one person sees, from rows: the apps they may view, those the room follows, and all that is theirs."""

from dataclasses import dataclass, field
from functools import cached_property

from deploy_core.errors import Refused
from deploy_core.models import Alias, App, Environment, Person
from deploy_core.models.statements import fetch, select
from deploy_core.rules import grants
from deploy_core.rules.grants import Action, GrantRow
from deploy_core.safety import access
from deploy_core.safety.access import Named

from .invocation import Invocation
from .names import Context


@dataclass(frozen=True)
class World:
    """The names that a line of this invocation may use. An app that is not in here is unknown to its author.

    `followed` are the apps that the room shows to all its members. Rows are read when they are asked for: one, or all.
    """

    actor: Person
    room: str
    default_app: str
    followed: frozenset[str]
    names: dict[str, Named]
    app_aliases: dict[str, str]
    env_aliases: dict[str, str]
    _read: dict[str, App] = field(default_factory=dict)

    @cached_property
    def context(self) -> Context:
        names = dict.fromkeys(name for app in self.names.values() for name in app.environments)
        return Context(
            apps=tuple(self.names),
            app_aliases={word: name for word, name in self.app_aliases.items() if name in self.names},
            repos={repo: name for name, app in self.names.items() if (repo := repository_name(app.repository))},
            envs=tuple(names),
            env_aliases={word: name for word, name in self.env_aliases.items() if name in names},
            environments={name: tuple(app.environments) for name, app in self.names.items()},
            rooms={self.room: self.default_app or None},
        )

    def app(self, name: str) -> App:
        """The row of an app that is in here.

        Raises:
            Refused: `not_found`: it has just been removed.
        """
        if name not in self._read:
            self._read.update((row.name, row) for row in select(App, "WHERE app.id = %s", (self.names[name].pk,)))
        if name not in self._read:
            raise Refused("not_found")
        return self._read[name]

    def environment(self, app: App, name: str) -> Environment:
        """The row of an environment that is in here.

        Raises:
            Refused: `not_found`: it has just been removed.
        """
        where = "WHERE environment.app_id = %s AND environment.name = %s"
        for row in select(Environment, where, (app.pk, name)):
            row.app = app
            return row
        raise Refused("not_found")

    @cached_property
    def apps(self) -> dict[str, App]:
        """All rows, by name."""
        rows = {app.pk: app for app in App.objects.filter(pk__in=[each.pk for each in self.names.values()])}
        return {name: rows[each.pk] for name, each in self.names.items() if each.pk in rows}

    @cached_property
    def environments(self) -> dict[str, dict[str, Environment]]:
        """All rows, by the name of their app and their own."""
        found: dict[str, dict[str, Environment]] = {name: {} for name in self.apps}
        names = {app.pk: name for name, app in self.apps.items()}
        for environment in Environment.objects.filter(app__in=self.apps.values()).select_related("app"):
            found[names[environment.app_id]][environment.name] = environment
        return found

    @cached_property
    def rights(self) -> list[GrantRow]:
        """The actor's grants, asked once."""
        return access.held(self.actor)

    def may_view(self, app: str, environment: str) -> bool:
        """Through the room, which shows all of an app, or by a grant, which may be for one environment."""
        return app in self.followed or self.may("view", app, environment)

    def may(self, action: Action, app: str, environment: str) -> bool:
        return self.actor.is_active and grants.can(self.rights, action, app, environment)


def seen_by(invocation: Invocation) -> World:
    """The world of an invocation, in two queries."""
    followed = frozenset({*invocation.apps, invocation.default_app} - {""})
    names = access.seen(invocation.actor, followed)
    return _world(names, invocation.actor, invocation.room, invocation.default_app, followed)


def everything(room: str, default_app: str) -> Context:
    """All names there are: what an operator at the shell may name."""
    names = access.seen(Person(), tuple(App.objects.values_list("name", flat=True)))
    return _world(names, Person(), room, default_app, frozenset()).context


def _world(names: dict[str, Named], actor: Person, room: str, default_app: str, followed: frozenset[str]) -> World:
    aliases: dict[str, dict[str, str]] = {kind: {} for kind in Alias.Kind.values}
    for kind, word, name in fetch("SELECT kind, word, name FROM deploy_core_alias ORDER BY word"):
        aliases[kind][word] = name
    return World(
        actor=actor,
        room=room,
        default_app=default_app if default_app in names else "",
        followed=followed,
        names=names,
        app_aliases=aliases[Alias.Kind.APP],
        env_aliases=aliases[Alias.Kind.ENVIRONMENT],
    )


def repository_name(url: str) -> str:
    """`owner/repo` of a hosted repository's address, in lower case; empty for a path on this machine."""
    if url.startswith(("/", "file:")):
        return ""
    path = url.partition("://")[2] or url.rpartition(":")[2]
    parts = path.lower().removesuffix(".git").strip("/").split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else ""
