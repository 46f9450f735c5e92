"""What one person sees, from rows: the apps they may view, those the room follows, and all that is theirs."""

from dataclasses import dataclass
from functools import cached_property

from deploy_core.models import Alias, App, Environment, Person
from deploy_core.rules import grants
from deploy_core.rules.grants import Action, GrantRow
from deploy_core.safety import access

from .invocation import Invocation
from .names import Context


@dataclass(frozen=True)
class World:
    """The rows that a line of this invocation may name. An app that is not in here is unknown to its author.

    `followed` are the apps that the room shows to all its members.
    """

    actor: Person
    room: str
    default_app: str
    followed: frozenset[str]
    apps: dict[str, App]
    environments: dict[str, dict[str, Environment]]
    app_aliases: dict[str, str]
    env_aliases: dict[str, str]

    @cached_property
    def context(self) -> Context:
        names = dict.fromkeys(name for of_app in self.environments.values() for name in of_app)
        return Context(
            apps=tuple(self.apps),
            app_aliases={word: name for word, name in self.app_aliases.items() if name in self.apps},
            repos={repo: name for name, app in self.apps.items() if (repo := repository_name(app.repository))},
            envs=tuple(names),
            env_aliases={word: name for word, name in self.env_aliases.items() if name in names},
            environments={name: tuple(of_app) for name, of_app in self.environments.items()},
            rooms={self.room: self.default_app or None},
        )

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
    """The world of an invocation, in five queries."""
    visible = {app.name: app for app in access.visible_apps(invocation.actor)}
    followed = frozenset({*invocation.apps, invocation.default_app} - {""})
    if followed and invocation.actor.is_active:
        visible |= {app.name: app for app in App.objects.filter(name__in=followed)}
    return _world(visible, invocation.actor, invocation.room, invocation.default_app, followed)


def everything(room: str, default_app: str) -> Context:
    """All names there are: what an operator at the shell may name."""
    apps = {app.name: app for app in App.objects.all()}
    return _world(apps, Person(), room, default_app, frozenset()).context


def _world(visible: dict[str, App], actor: Person, room: str, default_app: str, followed: frozenset[str]) -> World:
    apps = dict(sorted(visible.items()))
    environments: dict[str, dict[str, Environment]] = {name: {} for name in apps}
    for environment in Environment.objects.filter(app__in=apps.values()).select_related("app"):
        environments[environment.app.name][environment.name] = environment
    aliases: dict[str, dict[str, str]] = {kind: {} for kind in Alias.Kind.values}
    for alias in Alias.objects.order_by("word"):
        aliases[alias.kind][alias.word] = alias.name
    return World(
        actor=actor,
        room=room,
        default_app=default_app if default_app in apps else "",
        followed=followed,
        apps=apps,
        environments=environments,
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
