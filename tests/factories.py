"""Rows for tests: plain functions with sensible defaults. A name that is not given is made up and used once."""

import itertools
from typing import Any

from chatops.room.models import Membership, Room
from deploy_core.models import App, Credential, Environment, Grant, Group, Person, Placement, Server

_numbers = itertools.count(1)


def _name(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


def person(username: str = "", *, role: str = "", app: App | None = None, environment: str = "*") -> Person:
    """A person who can sign in; with `role`, granted that on `app` (None: every app) and `environment`."""
    someone = Person.objects.create_user(username or _name("person"), password="correct horse")
    if role:
        grant(someone, role, app=app, environment=environment)
    return someone


def grant(to: Person, role: str, *, app: App | None = None, environment: str = "*") -> Grant:
    return Grant.objects.create(person=to, role=role, app=app, environment=environment)


def app(name: str = "", *, repository: str = "https://git.example/shop.git", **fields: Any) -> App:
    return App.objects.create(name=name or _name("app"), repository=repository, **fields)


def server(name: str = "", *, host: str = "127.0.0.1", port: int = 22, user: str = "deploy", **fields: Any) -> Server:
    return Server.objects.create(name=name or _name("server"), host=host, port=port, user=user, **fields)


def group(name: str, *servers: Server) -> Group:
    made = Group.objects.create(name=name)
    made.servers.set(servers)
    return made


def credential(name: str = "", *, kind: str = Credential.Kind.KEY, **fields: Any) -> Credential:
    return Credential.objects.create(name=name or _name("credential"), kind=kind, **fields)


def environment(of: App, name: str = "staging", *, servers: tuple[Server, ...] = (), **fields: Any) -> Environment:
    """An environment of an app on `servers`, in that order, with no variables of their own."""
    made = Environment.objects.create(app=of, name=name, path=fields.pop("path", f"srv/{of.name}/{name}"), **fields)
    for position, machine in enumerate(servers):
        Placement.objects.create(environment=made, server=machine, position=position)
    return made


def room(slug: str = "", *, members: tuple[Person, ...] = (), apps: tuple[App, ...] = (), **fields: Any) -> Room:
    """A room that follows `apps`, the first being its default."""
    made = Room.objects.create(slug=slug or _name("room"), default_app=apps[0] if apps else None, **fields)
    made.apps.set(apps)
    for member in members:
        Membership.objects.create(room=made, person=member)
    return made
