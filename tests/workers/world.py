"""The rows of an installation with one app and three environments; run inside its `manage.py shell`."""

import json

from deploy_core.models import Environment, Placement
from tests import factories
from tests.core.world import Box, make_server
from tests.room.conftest import sign_in

ENVIRONMENTS = ("staging", "qa", "edge")


def make(repository: str, boxes: list[Box]) -> None:
    """alice and bob, their room, and the app `shop` in every environment; prints the room and their keys."""
    people = [factories.person(name, role="deployer") for name in ("alice", "bob")]
    shop = factories.app("shop", repository=repository, pipeline="keep: 5\n")
    servers = [make_server(box, f"web-{number}") for number, box in enumerate(boxes, 1)]
    for name in ENVIRONMENTS:
        made = Environment.objects.create(app=shop, name=name, path=f"srv/{name}")
        for position, server in enumerate(servers):
            Placement.objects.create(environment=made, server=server, position=position)
    room = factories.room("demo", members=tuple(people), apps=(shop,))
    print(json.dumps({"room": room.pk, "keys": {it.username: sign_in(it) for it in people}}))
