"""The rows of an installation with one app and three environments; run inside its `manage.py shell`."""

import json

from deploy_core.models import Environment, Placement
from tests import factories
from tests.core.world import Box, make_server
from tests.room.conftest import sign_in

ENVIRONMENTS = ("staging", "qa", "edge")


def make(repository: str, boxes: list[Box]) -> None:
    """alice, her room, and the app `shop` in every environment on all servers; prints the room and alice's key."""
    alice = factories.person("alice", role="deployer")
    shop = factories.app("shop", repository=repository, pipeline="keep: 5\n")
    servers = [make_server(box, f"web-{number}") for number, box in enumerate(boxes, 1)]
    for name in ENVIRONMENTS:
        made = Environment.objects.create(app=shop, name=name, path=f"srv/{name}")
        for position, server in enumerate(servers):
            Placement.objects.create(environment=made, server=server, position=position)
    room = factories.room("demo", members=(alice,), apps=(shop,))
    print(json.dumps({"room": room.pk, "keys": {"alice": sign_in(alice)}}))
