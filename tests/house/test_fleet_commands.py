"""`manage.py server`, `app` and `room`: from nothing to a place that can be shipped to, from a shell."""

import io
import secrets as randomly
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chatops.room.models import Room
from deploy_core.models import App, AuditEntry, Credential, Environment, Secret, Server
from deploy_core.reach import credentials, secrets, ssh
from tests import factories
from tests.services import openssh
from tests.services.openssh import Sshd

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """One OpenSSH server."""
    with openssh.running() as servers:
        yield servers[0]


@pytest.fixture
def add(sshd, tmp_path):
    """`server add`, with the right key file and fingerprint unless others are given."""
    (tmp_path / "key").write_bytes(sshd.key.pem)

    def add_(name: str, *, key: str = str(tmp_path / "key"), fingerprint: str = "") -> None:
        address = f"{sshd.address.user}@{sshd.address.host}:{sshd.address.port}"
        seen = fingerprint or ssh.fingerprint(sshd.address.host_key)
        call_command("server", "add", name, address, "--key", key, "--fingerprint", seen)

    return add_


def test_a_server_is_added_with_its_key_pinned_and_its_login_sealed(add, sshd, capsys):
    add("web-1")

    server = Server.objects.get(name="web-1")
    assert server.host_key == sshd.address.host_key
    assert "PRIVATE KEY" not in server.credential.sealed
    assert credentials.login(server.credential) == sshd.key
    assert capsys.readouterr().out.startswith("web-1: Linux ")
    assert AuditEntry.objects.filter(action="server.add", target="web-1").exists()


def test_a_server_that_shows_another_key_is_not_added(add):
    with pytest.raises(CommandError, match="shows another key: SHA256:"):
        add("web-1", fingerprint="SHA256:0000000000000000000000000000000000000000000")

    assert not Server.objects.exists()


def test_a_server_that_refuses_the_login_is_not_added_and_leaves_no_secret(add, tmp_path):
    openssh.make_key(tmp_path / "stranger")

    with pytest.raises(CommandError, match="web-1"):
        add("web-1", key=str(tmp_path / "stranger"))

    assert not Server.objects.exists()
    assert not Credential.objects.exists()


def test_an_address_without_a_user_is_refused(sshd):
    with pytest.raises(CommandError, match="expected user@host"):
        call_command("server", "add", "web-1", "127.0.0.1", "--agent")


def test_a_secret_is_kept_by_name_and_never_shown(capsys, monkeypatch):
    environment = factories.environment(factories.app("shop"), "staging", servers=(factories.server("web-1"),))
    values = [randomly.token_urlsafe(12) for _ in range(2)]

    for value in values:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{value}\n".encode())))
        call_command("secret", "set", "shop", "staging", "TOKEN", "--servers")
    call_command("secret", "list", "shop", "staging")

    assert secrets.granted(environment).servers == {"TOKEN": values[1]}
    assert secrets.granted(environment).builds == {}
    said = capsys.readouterr().out
    assert "TOKEN: version 2 of" in said
    rows = [*Secret.objects.values_list("sealed", flat=True), *AuditEntry.objects.values_list("params", flat=True)]
    assert not any(value in text for value in values for text in (said, str(rows)))
    call_command("secret", "remove", "shop", "staging", "TOKEN")
    assert secrets.granted(environment).servers == {}
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["secret.set"] * 2 + ["secret.remove"]


@pytest.mark.parametrize(
    ("name", "grants", "value", "message"),
    [
        ("SHIPROOM_APP", ["--builds"], "long enough", "SHIPROOM_ is ours"),
        ("9LIVES", ["--builds"], "long enough", "no digit first"),
        ("TOKEN", [], "long enough", "Say for whom"),
        ("TOKEN", ["--builds"], "tiny", "expected 6 to 16384 bytes"),
        ("TOKEN", ["--builds"], "\udcff" * 6, "no UTF-8"),
    ],
)
def test_a_secret_that_would_not_do_leaves_nothing_behind(monkeypatch, name, grants, value, message):
    factories.environment(factories.app("shop"), "staging", servers=(factories.server("web-1"),))
    given = value.encode("utf-8", "surrogateescape")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))

    with pytest.raises(CommandError, match=message):
        call_command("secret", "set", "shop", "staging", name, *grants)

    assert not Secret.objects.exists()


def test_an_app_gets_an_environment_on_servers_in_order():
    for name in ("web-1", "web-2", "web-3"):
        factories.server(name)

    call_command("app", "add", "shop", "https://git.example.org/shop.git")
    call_command("app", "place", "shop", "staging", "/srv/shop", "web-2", "web-1", "--set", "PORT=8001")
    call_command("app", "place", "shop", "staging", "/srv/shop", "web-3", "web-2", "--set", "PORT=8002", "--protected")

    environment = Environment.objects.get(app__name="shop", name="staging")
    assert [placement.server.name for placement in environment.placements.all()] == ["web-3", "web-2"]
    assert (environment.path, environment.variables, environment.is_protected) == ("/srv/shop", {"PORT": "8002"}, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "shop", "http://git.example.org/shop.git"), "expected an https or ssh address"),
        (("add", "Shop!", "https://git.example.org/shop.git"), "Lower-case letters"),
        (("place", "nothing", "staging", "/srv/shop", "web-1"), "no app nothing"),
        (("place", "known", "staging", "/srv/shop", "web-9"), "no server web-9"),
        (("place", "known", "staging", "/srv/shop", "web-1", "--set", "PORT"), "expected NAME=VALUE"),
    ],
)
def test_a_wrong_app_or_place_is_refused_and_nothing_is_kept(words, reason):
    factories.app("known")
    factories.server("web-1")

    with pytest.raises(CommandError, match=reason):
        call_command("app", *words)

    assert list(App.objects.values_list("name", flat=True)) == ["known"]
    assert not Environment.objects.exists()


def test_a_room_follows_apps_and_lets_people_in_more_at_a_later_time():
    factories.app("shop")
    for name in ("alice", "bob"):
        factories.person(name)

    call_command("room", "add", "ops", "--app", "shop", "--member", "alice", "--topic", "Ship")
    call_command("room", "add", "ops", "--member", "bob")

    room = Room.objects.get(slug="ops")
    assert room.default_app == App.objects.get(name="shop")
    assert room.topic == "Ship"
    assert sorted(room.members.values_list("username", flat=True)) == ["alice", "bob"]


def test_a_room_with_an_unknown_member_is_not_made():
    with pytest.raises(CommandError, match="no person nobody"):
        call_command("room", "add", "ops", "--member", "nobody")

    assert not Room.objects.exists()
