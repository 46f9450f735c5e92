"""Servers that do not answer, or answer something else."""

import socket
import time
from dataclasses import replace

import pytest

from deploy_core.errors import (
    Unreachable,
)
from deploy_core.reach import ssh
from tests.reach.wires import no_thread_left, tcp_server
from tests.services.openssh import Sshd


def unpinned(sshd: Sshd, port: int):
    return replace(sshd.address, port=port)


def late(seconds: float) -> float:
    """Far more than the deadline is not "in time"; a busy machine may take its while."""
    return seconds + 10


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2p1\r\n"])
def test_a_silent_server_is_given_up_in_time(sshd: Sshd, greeting):
    def silent(peer: socket.socket) -> None:
        peer.sendall(greeting)
        while peer.recv(4096):
            pass

    with tcp_server(silent) as port:
        began = time.monotonic()
        with no_thread_left(), pytest.raises(Unreachable) as caught:
            ssh.connect(unpinned(sshd, port), sshd.key, deadline_s=0.5)
        assert time.monotonic() - began < late(0.5)

    assert caught.value.params["detail"] == "no answer in time"
    assert caught.value.params["port"] == port


@pytest.mark.parametrize("drop", [b"x", b"not yet\r\n"])
def test_a_dripping_banner_is_given_up_in_time(sshd: Sshd, drop):
    def drip(peer: socket.socket) -> None:
        while True:
            peer.sendall(drop)
            time.sleep(0.05)

    with tcp_server(drip) as port, no_thread_left(), pytest.raises(Unreachable) as caught:
        ssh.connect(unpinned(sshd, port), sshd.key, deadline_s=0.5)

    assert caught.value.params["detail"] == "no answer in time"


def test_a_banner_without_end_is_given_up(sshd: Sshd):
    def flood(peer: socket.socket) -> None:
        while True:
            peer.sendall(b"x" * 65_536)

    with tcp_server(flood) as port, no_thread_left(), pytest.raises(Unreachable) as caught:
        ssh.connect(unpinned(sshd, port), sshd.key, deadline_s=20)

    assert "banner without end" in caught.value.params["detail"]


def test_a_port_where_something_else_listens_is_unreachable(sshd: Sshd):
    def web(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with tcp_server(web) as port, no_thread_left(), pytest.raises(Unreachable):
        ssh.connect(unpinned(sshd, port), sshd.key, deadline_s=5)


def test_a_closed_port_is_unreachable_and_says_so(sshd: Sshd):
    with socket.create_server(("127.0.0.1", 0)) as it:
        port = it.getsockname()[1]

    with no_thread_left(), pytest.raises(Unreachable) as caught:
        ssh.connect(unpinned(sshd, port), sshd.key)

    assert caught.value.params["detail"] == "Connection refused"
    assert caught.value.params["server"] == sshd.address.name


@pytest.mark.parametrize("host", ["no-such-host.invalid", "web..example", "a" * 64])
def test_a_name_that_nobody_has_or_could_have_is_unreachable(sshd: Sshd, host: str):
    with pytest.raises(Unreachable):
        ssh.connect(replace(sshd.address, host=host), sshd.key)
