"""Connections that break, freeze or lie in the midst of something."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from deploy_core.errors import CommandFailed, CommandTimeout, ConnectionLost
from deploy_core.reach import ssh
from deploy_core.reach.connection import Connection
from tests.reach.wires import PASSWORD, Wire, is_running, no_thread_left, odd_server, wire_to
from tests.services.openssh import Sshd
from tests.waiting import asleep

MB = 1_000_000


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65_536


# --- answers OpenSSH never gives --------------------------------------------------------------------------------------


def test_a_channel_that_closes_without_an_exit_status_is_no_success():
    async def close(process):
        process.stdout.write(b"hi\n")
        process.close()

    with (
        no_thread_left(),
        odd_server(close) as address,
        ssh.connect(address, PASSWORD) as connection,
        pytest.raises(ConnectionLost) as caught,
    ):
        connection.run(("true",), timeout_s=20)

    assert caught.value.params["server"] == "odd"
    assert "status" in caught.value.params["detail"]


def test_a_command_that_never_tells_its_status_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr("deploy_core.reach.ssh.session.GROUP_S", 0.1)

    async def talk_and_stay(process):
        process.stdout.write(b"hi\n")
        process.stdout.write_eof()
        await asyncio.sleep(300)

    with (
        odd_server(talk_and_stay) as address,
        ssh.connect(address, PASSWORD) as connection,
        pytest.raises(CommandTimeout) as caught,
    ):
        connection.run(("true",), timeout_s=0.3)

    assert caught.value.params["tail"] == "hi"


def test_a_status_before_the_rest_of_the_output_loses_nothing():
    async def status_first(process):
        process.stdout.write(b"first\n")
        process.exit_status = 0
        process.channel.exit(0)

    with odd_server(status_first) as address, ssh.connect(address, PASSWORD) as connection:
        assert connection.run(("true",), timeout_s=20).out_tail == "first\n"


def test_a_guess_of_our_own_mark_is_output(connection: Connection):
    assert connection.run("echo 'mark 1'; exit 1").exit_status == 1


@contextmanager
def through_a_wire(sshd: Sshd) -> Iterator[tuple[Connection, Wire]]:
    """A connection that can be cut or frozen; it must end all the same."""
    with (
        wire_to(sshd.address.port) as (port, wire),
        no_thread_left(),
        ssh.connect(replace(sshd.address, port=port), sshd.key) as connection,
    ):
        yield connection, wire


# --- wires ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_bytes", [0, 1, 3 * MB])
def test_a_connection_cut_while_it_uploads_is_lost_at_once(sshd: Sshd, after_bytes):
    with through_a_wire(sshd) as (connection, wire):
        wire.limit_bytes, wire.at_limit = wire.carried_bytes + after_bytes, wire.cut

        with pytest.raises(ConnectionLost) as caught:
            connection.run("cat >/dev/null", stdin=endless(), timeout_s=60)

    assert caught.value.params["server"] == sshd.address.name


@pytest.mark.parametrize("after_bytes", [0, 3 * MB])
def test_a_connection_that_freezes_while_it_uploads_is_given_up_in_time(sshd: Sshd, after_bytes, monkeypatch):
    monkeypatch.setattr("deploy_core.reach.ssh.session.KILL_S", 0.3)
    began = time.monotonic()
    with through_a_wire(sshd) as (connection, wire):
        wire.limit_bytes, wire.at_limit = wire.carried_bytes + after_bytes, wire.freeze

        with pytest.raises(CommandTimeout):
            connection.run("cat >/dev/null", stdin=endless(), timeout_s=1)

    assert time.monotonic() - began < 20


def test_a_peer_that_grants_everything_and_reads_nothing_is_given_up_in_time(monkeypatch):
    """With a window that is never full it is the socket that blocks."""
    monkeypatch.setattr("deploy_core.reach.ssh.session.KILL_S", 0.3)
    monkeypatch.setattr("deploy_core.reach.ssh.session.GROUP_S", 0.1)

    async def stay(process):
        await asyncio.sleep(300)

    began = time.monotonic()
    with (
        odd_server(stay, window_bytes=2**30) as address,
        wire_to(address.port) as (port, wire),
        no_thread_left(),
        ssh.connect(replace(address, port=port), PASSWORD) as connection,
    ):
        wire.limit_bytes, wire.at_limit = wire.carried_bytes + MB, wire.freeze

        with pytest.raises(CommandTimeout):
            connection.run(("true",), stdin=endless(), timeout_s=1)

    assert time.monotonic() - began < 20


def test_a_connection_that_freezes_while_it_listens_is_given_up_in_time(sshd: Sshd, monkeypatch):
    monkeypatch.setattr("deploy_core.reach.ssh.session.KILL_S", 0.3)
    with through_a_wire(sshd) as (connection, wire):
        connection.run(("true",))
        wire.freeze()

        for use in (
            lambda: connection.run(("true",), timeout_s=0.4),
            lambda: connection.get("/etc/hostname", timeout_s=0.4),
            lambda: connection.open_tunnel(1, timeout_s=0.4),
        ):
            with pytest.raises(CommandTimeout):
                use()


def test_what_ran_when_the_connection_was_cut_goes_on(sshd: Sshd, connection: Connection):
    group: list[str] = []
    with through_a_wire(sshd) as (frail, wire), pytest.raises(ConnectionLost):
        frail.run(f"echo $PPID; {asleep(8)}", on_line=lambda _, text: (group.append(text), wire.cut()), timeout_s=30)

    # Nobody could tell it to end: the next owner of an environment's folder does (`rules.remote`).
    assert is_running(connection, asleep(8))
    connection.run(f"kill -s KILL -- -{group[0]}").check("kill")


# --- disks ------------------------------------------------------------------------------------------------------------


def test_a_command_that_finds_the_disk_full_says_so(connection: Connection):
    result = connection.run("export LC_ALL=C; cp /etc/passwd /dev/full")

    with pytest.raises(CommandFailed) as caught:
        result.check("fill")

    assert caught.value.code == "disk_full"
