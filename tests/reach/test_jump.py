"""Reaching a server through another one: the same door, one room further."""

from dataclasses import replace

import pytest

from deploy_core.errors import HostKeyError, LoginError, ReachError, Unreachable
from deploy_core.models import Server
from deploy_core.reach import credentials, ssh
from deploy_core.reach.connection import Hop, KeyLogin, ServerAddress
from tests import factories
from tests.services.openssh import Sshd, free_port, make_key


@pytest.fixture
def inner(sshd: Sshd) -> ServerAddress:
    """The server as seen from itself: it is its own way in."""
    return replace(sshd.address, name="inner", jump=Hop(sshd.address, sshd.key))


def test_commands_files_and_tunnels_go_through_the_server_in_between(inner: ServerAddress, sshd: Sshd):
    content = bytes(range(256)) * 4096
    with ssh.connect(inner, sshd.key) as connection:
        assert connection.run(("whoami",)).out_tail == f"{sshd.address.user}\n"
        connection.run(f"cat > {sshd.folder}/file", stdin=content).check("cat")
        assert connection.get(f"{sshd.folder}/file") == content
        tunnel = connection.open_tunnel(sshd.address.port)
        tunnel.settimeout(20)
        assert tunnel.recv(4) == b"SSH-"
        tunnel.close()


def test_the_way_may_lead_through_several(inner: ServerAddress, sshd: Sshd):
    innermost = replace(inner, name="innermost", jump=Hop(inner, sshd.key))

    with ssh.connect(innermost, sshd.key) as connection:
        assert connection.run(("echo", "here")).out_tail == "here\n"


def test_the_key_of_a_server_behind_is_shown_too(inner: ServerAddress, sshd: Sshd):
    assert ssh.probe(inner.host, inner.port, jump=inner.jump).line == sshd.address.host_key


def test_every_server_on_the_way_is_recognised_before_it_hears_who_we_are(inner: ServerAddress, sshd: Sshd):
    stranger = replace(sshd.address, host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA")

    with pytest.raises(HostKeyError):
        ssh.connect(replace(inner, jump=Hop(stranger, sshd.key)), sshd.key)
    with pytest.raises(HostKeyError):
        ssh.connect(replace(inner, host_key=stranger.host_key), sshd.key)


def test_a_way_that_ends_says_where(inner: ServerAddress, sshd: Sshd, tmp_path):
    port = free_port()
    wrong = KeyLogin(make_key(tmp_path / "key"))

    with pytest.raises(Unreachable) as caught:
        ssh.connect(replace(inner, port=port), sshd.key, deadline_s=20)
    assert (caught.value.params["server"], caught.value.params["port"]) == ("inner", port)
    with pytest.raises(LoginError) as refused:
        ssh.connect(replace(inner, jump=Hop(sshd.address, wrong)), sshd.key)
    assert refused.value.params["server"] == sshd.address.name


def test_the_way_comes_from_the_rows_and_ends(db):
    gate = factories.server("gate", host_key="ssh-ed25519 AAAA")
    behind = factories.server("inner", jump=gate)

    address = credentials.address(behind)

    assert address.jump is not None
    assert (address.jump.address.name, address.jump.address.jump) == ("gate", None)
    Server.objects.filter(pk=gate.pk).update(jump=behind)
    with pytest.raises(ReachError) as caught:
        credentials.address(Server.objects.get(pk=behind.pk))
    assert caught.value.code == "jump_circle"
