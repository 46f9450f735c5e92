"""The demo's world: made once, used again, and never on top of somebody's own installation."""

import os
import socket
import stat
from pathlib import Path

import pytest

from chatops.demo import seed, world
from chatops.room.models import Membership, Room
from deploy_core.models import App, Environment, Person, Placement, Server
from deploy_core.reach import credentials, ssh
from deploy_core.safety import access
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings) -> Path:
    settings.SHIPROOM_DATA = tmp_path
    settings.SHIPROOM_KEY_FILE = str(tmp_path / "keys.json")
    return tmp_path


def shop_ports() -> list[str]:
    return [row.variables["PORT"] for row in Placement.objects.order_by("environment__position", "position")]


def test_everybody_may_do_what_their_role_says():
    with world.standing():
        may = {
            person.username: [
                action for action in ("view", "deploy", "approve") if access.can(person, action, "shop", "production")
            ]
            for person in Person.objects.filter(kind=Person.Kind.PERSON)
        }

    assert may == {"alice": ["view", "deploy"], "bob": ["view", "deploy", "approve"], "carol": ["view"]}
    assert Membership.objects.filter(room__slug="demo").count() == 3
    assert list(Room.objects.get(slug="demo").apps.values_list("name", flat=True)) == ["shop"]


def test_shiproom_can_log_in_to_every_server():
    with world.standing():
        for server in Server.objects.all():
            with ssh.connect(credentials.address(server), credentials.login(server.credential)) as connection:
                assert connection.run(("pwd",)).out_tail.strip().endswith(f"demo/servers/{server.name}")

    assert {server.credential.kind for server in Server.objects.all()} == {"key", "password"}


def test_both_environments_stand_on_the_same_servers_with_folders_and_ports_of_their_own():
    with world.standing():
        pass

    servers = [list(each.servers.values_list("name", flat=True)) for each in Environment.objects.all()]
    assert servers == [["web-1", "web-2", "web-3"]] * 2
    assert len(set(shop_ports())) == 6
    assert len(set(Environment.objects.values_list("path", flat=True))) == 2


def test_a_second_start_uses_everything_again():
    def rows() -> list[object]:
        return [
            *Server.objects.values_list("pk", "name", "port", "host_key"),
            *Placement.objects.values_list("pk", "variables"),
            *Person.objects.values_list("pk", "password"),
            *App.objects.values_list("pk", "repository"),
        ]

    with world.standing():
        first = rows()
    with world.standing():
        assert rows() == first


def test_taken_ports_are_replaced():
    with world.standing():
        ssh_port = Server.objects.get(name="web-1").port
        before = shop_ports()

    taken = [socket.create_server(("127.0.0.1", port)) for port in (ssh_port, int(before[1]))]
    with taken[0], taken[1], world.standing():
        assert Server.objects.get(name="web-1").port != ssh_port
        after = shop_ports()

    assert [was == now for was, now in zip(before, after, strict=True)] == [True, False, True, True, True, True]
    assert len(set(after)) == 6


def test_the_number_of_servers_is_kept_until_somebody_says_another():
    counts = []
    for wanted in (5, None, 2):
        with world.standing(wanted):
            counts.append((Server.objects.count(), Placement.objects.count()))

    assert counts == [(5, 10), (5, 10), (2, 4)]


def test_one_demo_at_a_time(monkeypatch):
    monkeypatch.setattr(world, "LOCK_S", 0.1)

    with world.standing(), pytest.raises(world.Occupied, match="already"), world.standing():
        pass


def test_an_installation_with_people_of_its_own_is_left_alone():
    factories.person("dana")

    with pytest.raises(world.Occupied, match="people of its own"), world.standing():
        pass

    assert not App.objects.exists()


def test_what_is_secret_is_readable_by_nobody_else(data):
    with world.standing():
        pass

    keys = data / "demo" / "keys"
    assert stat.S_IMODE(os.stat(data / "demo").st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}
    assert seed.takes_password("web-3")
