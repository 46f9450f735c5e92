"""What may come next while a command is typed: names from rows, each with what it is and, if so, why not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.utils import translation

from deploy_core import deployments
from deploy_core.models import Group, KnownRef, Release, ReleaseCopy
from deploy_core.rules.status import ACTIVE

from . import phrases, spot, world
from .commands import COMMANDS
from .grammar import clickable
from .invocation import Invocation
from .models import OwnAlias
from .obstacles import Obstacles
from .registry import in_order
from .spot import Spot
from .world import World

MOST = 12
_MOST_REFS = 200


@dataclass(frozen=True, slots=True)
class Item:
    """`insert` replaces the part at the caret; `blocked` says why it would be refused."""

    insert: str
    label: str
    kind: str
    hint: str = ""
    blocked: str = ""

    def as_json(self) -> dict[str, str]:
        found = {"insert": self.insert, "label": self.label, "hint": self.hint, "kind": self.kind}
        return {**found, "blocked": self.blocked} if self.blocked else found


def complete(invocation: Invocation, text: str, caret: int) -> dict[str, Any]:
    """`{from, to, items, usage, more}` of the protocol, in the person's language; no items in chat."""
    with translation.override(invocation.actor.language or translation.get_language()):
        seen = world.seen_by(invocation)
        place = spot.at(text, caret, seen.context, seen.default_app, COMMANDS)
        if place is None:
            return {"from": caret, "to": caret, "items": [], "usage": None, "more": False}
        found = list(islice(_fitting(place, _items(place, seen, invocation)), MOST + 1))
        return {
            "from": place.start,
            "to": place.end,
            "items": [item.as_json() for item in found[:MOST]],
            "usage": _usage(place),
            "more": len(found) > MOST,
        }


def _fitting(place: Spot, items: Iterable[Item]) -> Iterable[Item]:
    """Those that begin as typed; the preposition that an item brings along need not be typed first."""
    typed = place.typed.lower()
    for item in items:
        if item.insert.lower().startswith(typed) or item.label.lower().startswith(typed):
            yield item


def _usage(place: Spot) -> dict[str, Any] | None:
    if place.command is None:
        return None
    return {
        "name": f"/{place.command.name}",
        "args": [
            {
                "name": phrases.render(f"part.{argument.part}", {}),
                "required": argument.is_required,
                "active": index == place.index,
            }
            for index, argument in enumerate(place.command.arguments)
        ],
    }


def _items(place: Spot, seen: World, invocation: Invocation) -> Iterable[Item]:
    match place.kind:
        case "command":
            return _commands(place, invocation, seen)
        case "app":
            return [*_apps(seen), *(_environments(place, seen) if seen.default_app else ())]
        case "app_or_environment":
            return [*_apps(seen), *(Item(name, name, "environment") for name in seen.context.envs)]
        case "ref":
            return _refs(place, seen)
        case "environment":
            return [*_environments(place, seen), *(_refs(place, seen) if place.takes_ref else ())]
        case "server":
            return _servers(place, seen)
        case "deployment":
            return _deployments(place, seen)
        case "release":
            return _releases(place, seen)
        case "alias":
            return _own_words(seen)
        case "count":
            return [Item(f"{place.needs} {n}".strip(), f"last {n}", "count") for n in (5, 20)]
        case _:
            return ()


def _commands(place: Spot, invocation: Invocation, seen: World) -> Iterable[Item]:
    """The built verbs, then the person's own words; other spellings only when no verb itself begins as typed."""
    built = in_order(invocation.surface)
    mark = "" if place.command else "/"
    typed = place.typed.lower()
    spelled = {each.name: each for each in built}
    if not any(name.startswith(typed) for name in spelled):
        spelled = {alias: each for each in built for alias in each.verb.aliases}
    for word, each in spelled.items():
        yield Item(word, f"{mark}{word}", "command", phrases.render(f"help.{each.name}", {}))
    if mark:
        yield from (replace(own, label=f"{mark}{own.label}") for own in _own_words(seen))


def _own_words(seen: World) -> Iterable[Item]:
    """The person's own words, each with the line that it stands for."""
    for own in OwnAlias.objects.filter(person=seen.actor).order_by("word"):
        yield Item(own.word, own.word, "alias", clickable(own.line, "web"))


def _apps(seen: World) -> Iterable[Item]:
    for name, app in seen.names.items():
        yield Item(name, name, "app", ", ".join(app.environments))


def _refs(place: Spot, seen: World) -> Iterable[Item]:
    app = seen.apps.get(place.app)
    if not app:
        return
    known = KnownRef.objects.filter(app=app, name__istartswith=place.typed).order_by("kind", "name")[:_MOST_REFS]
    for ref in sorted(known, key=lambda ref: ref.name != app.default_ref):
        yield Item(ref.name, ref.name, ref.kind, ref.revision[:7])


def _environments(place: Spot, seen: World) -> Iterable[Item]:
    """An app's environments with what they run and, where the person may not act, who may be asked."""
    environments = seen.environments.get(place.app, {})
    ids = [environment.pk for environment in environments.values()]
    live = {
        copy.environment_id: copy.release
        for copy in ReleaseCopy.objects.filter(environment__in=ids, is_current=True).select_related("release")
    }
    busy = {d.environment_id: d for d in deployments.active([seen.apps[place.app]])} if ids else {}
    permission = place.command.permission if place.command else "view"
    obstacles = Obstacles(seen)
    needs = place.needs or _preposition(place)
    for name, environment in environments.items():
        is_shown = seen.may_view(place.app, name)
        release, running = (live.get(environment.pk), busy.get(environment.pk)) if is_shown else (None, None)
        hint = phrases.render("choice.runs", {"ref": release.ref, "revision": release.revision[:7]}) if release else ""
        if running and running.status in ACTIVE:
            hint = phrases.render("choice.busy", {"number": running.pk})
        elif running:
            hint = phrases.render("choice.waits", {"number": running.pk})
        blocked = obstacles.of(environment, permission)
        yield Item(f"{needs} {name}".strip(), name, "environment", hint, blocked)


def _servers(place: Spot, seen: World) -> Iterable[Item]:
    """An environment's servers and their groups, for `to staging/web-1`; several are joined by commas."""
    environment = seen.environments.get(place.app, {}).get(place.environment)
    if not environment or not seen.may_view(place.app, place.environment):
        return
    placed = [each.server for each in environment.placements.select_related("server").order_by("position")]
    groups: dict[str, list[str]] = {}
    grouped = Group.servers.through.objects.filter(server__in=placed)
    for group, name in grouped.values_list("group__name", "server__name"):
        groups.setdefault(group, []).append(name)
    for server in placed:
        yield Item(server.name, server.name, "server", server.host)
    for group, names in sorted(groups.items()):
        yield Item(group, group, "group", ", ".join(sorted(names)))


def _preposition(place: Spot) -> str:
    """What stands before an environment that is chosen where the app might stand."""
    arguments = place.command.arguments if place.command and place.kind == "app" else ()
    return next((argument.after for argument in arguments if argument.kind == "environment"), "")


def _deployments(place: Spot, seen: World) -> Iterable[Item]:
    for each in deployments.active(seen.apps.values()).order_by("-pk"):
        app, environment = each.app.name, each.environment.name
        if not seen.may_view(app, environment):
            continue
        told = {"app": app, "environment": environment, "by": each.requested_by.username}
        permission = place.command.permission if place.command else "view"
        may = permission == "view" or seen.may(permission, app, environment)
        hint = phrases.render("choice.deployment", told)
        yield Item(
            f"#{each.pk}", f"#{each.pk}", "deployment", hint, "" if may else phrases.render("choice.no_right", {})
        )


def _releases(place: Spot, seen: World) -> Iterable[Item]:
    environment = seen.environments.get(place.app, {}).get(place.environment)
    if not environment or not seen.may_view(place.app, place.environment):
        return
    for release in Release.objects.complete_in(environment)[:MOST]:
        yield Item(
            f"{place.needs} {release.name}".strip(), release.name, "release", f"{release.ref} {release.revision[:7]}"
        )
