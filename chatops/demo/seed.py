"""The demo's rows: people, one app in two environments, and a room. Written at every start, kept where they stand."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from django.db import transaction

from chatops.demo import ports
from chatops.demo.keys import Keys
from chatops.room import messages
from chatops.room.models import Membership, Room
from chatops.webhooks import secrets
from chatops.webhooks.models import IncomingHook
from deploy_core.models import App, Credential, Deployment, Environment, Grant, Person, Placement, Server
from deploy_core.reach import credentials
from deploy_core.rules.status import ENDED, Status

APP = "shop"
ROOM = "demo"
TOPIC = "Ship the shop to staging and production, three servers each"
ENVIRONMENTS = ("staging", "production")
#: What production runs from the start.
SHIPPED = "v1.1.0"
#: Name and role, in the order in which their links are printed.
PEOPLE = (("alice", "deployer"), ("bob", "approver"), ("carol", "viewer"))
#: The service person in whose name pushes deploy.
ROBOT = "ci"
#: The login on every server.
USER = "deploy"
#: How many servers there are unless somebody says otherwise.
SERVERS = 3


def server_names(count: int) -> list[str]:
    """web-1, web-2, …"""
    return [f"web-{number}" for number in range(1, count + 1)]


def takes_password(name: str) -> bool:
    """One of the servers has no key to log in with."""
    return name == server_names(SERVERS)[-1]


@transaction.atomic
def write(folder: Path, keys: Keys, ssh_ports: Mapping[str, int]) -> None:
    """Everything that is needed for `/deploy shop to staging`, on the servers that `ssh_ports` names."""
    free = ports.free_ports(folder, but=_shop_ports())
    app, _ = App.objects.update_or_create(
        name=APP, defaults={"repository": f"file://{folder / 'shop.git'}", "default_ref": "main"}
    )
    servers = _servers(keys, ssh_ports)
    for position, name in enumerate(ENVIRONMENTS):
        environment, _ = Environment.objects.update_or_create(
            app=app,
            name=name,
            defaults={
                "path": f"apps/{APP}/{name}",
                "position": position,
            },
        )
        _placements(environment, servers, free)
    Server.objects.filter(environments=None).exclude(name__in=ssh_ports).delete()
    _people(app)
    _webhook(app)


def _servers(keys: Keys, ssh_ports: Mapping[str, int]) -> list[Server]:
    by_key, _ = Credential.objects.get_or_create(name="demo-key", defaults={"kind": Credential.Kind.KEY})
    credentials.keep_key(by_key, keys.client().private.encode())
    by_key.save()
    by_password, _ = Credential.objects.get_or_create(name="demo-password", defaults={"kind": Credential.Kind.PASSWORD})
    credentials.keep_password(by_password, keys.password())
    by_password.save()
    return [
        Server.objects.update_or_create(
            name=name,
            defaults={
                "host": "127.0.0.1",
                "port": port,
                "user": USER,
                "credential": by_password if takes_password(name) else by_key,
                "host_key": keys.host(name).public,
            },
        )[0]
        for name, port in ssh_ports.items()
    ]


def _shop_ports() -> set[int]:
    return {int(found["PORT"]) for found in Placement.objects.values_list("variables", flat=True) if "PORT" in found}


def _placements(environment: Environment, servers: Sequence[Server], free: Iterator[int]) -> None:
    """An environment on `servers`, each with a port that is its own; one that somebody else took is replaced."""
    environment.placements.exclude(server__in=servers).delete()
    have = {placement.server_id: placement for placement in environment.placements.all()}
    for position, server in enumerate(servers):
        placement = have.get(server.pk) or Placement(environment=environment, server=server)
        port = int(placement.variables.get("PORT", 0))
        if not port or not ports.is_free(port):
            placement.variables = placement.variables | {"PORT": str(next(free))}
        placement.position = position
        placement.save()


def _people(app: App) -> None:
    """Three people with one role each on the app, together in one room that follows it."""
    room, _ = Room.objects.get_or_create(slug=ROOM, defaults={"topic": TOPIC, "default_app": app})
    room.apps.add(app)
    for name, role in PEOPLE:
        person, is_new = Person.objects.get_or_create(username=name)
        if is_new:
            person.set_unusable_password()
            person.save(update_fields=["password"])
        Grant.objects.get_or_create(person=person, role=role, app=app, environment="*")
        Membership.objects.get_or_create(room=room, person=person, defaults={"is_manager": name == PEOPLE[0][0]})


def _webhook(app: App) -> None:
    """A push to main deploys staging, in the name of a service person (docs/demo.md)."""
    robot, is_new = Person.objects.get_or_create(username=ROBOT, defaults={"kind": Person.Kind.SERVICE})
    if is_new:
        robot.set_unusable_password()
        robot.save(update_fields=["password"])
    Grant.objects.get_or_create(person=robot, role="deployer", app=app, environment="staging")
    Environment.objects.filter(app=app, name="staging", followed_branch="").update(followed_branch="main")
    hook, is_new = IncomingHook.objects.get_or_create(
        app=app, provider=IncomingHook.Provider.GITHUB, defaults={"person": robot}
    )
    if is_new:
        secrets.renew(hook)


def deploy_production_once() -> None:
    """Have bob ship the newest tag to production, unless that was done or is under way."""
    mine = Deployment.objects.filter(environment__app__name=APP, environment__name="production")
    if mine.exclude(status__in=ENDED - {Status.SUCCEEDED}).exists():
        return
    messages.post(
        author=Person.objects.get(username="bob"),
        room=Room.objects.get(slug=ROOM),
        text=f"/deploy {APP}/{SHIPPED} to production",
        client_id=f"demo-{uuid.uuid4().hex}",
        surface="shell",
    )
