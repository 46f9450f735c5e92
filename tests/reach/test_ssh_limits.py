"""Commands that hang, print without end, or are to be stopped."""

import threading

import pytest

from deploy_core.errors import (
    Cancelled,
    CommandTimeout,
    OutputLimit,
)
from deploy_core.reach.connection import OUTPUT_LIMIT_BYTES, Connection
from tests.reach.wires import is_running
from tests.waiting import asleep, wait_until

MB = 1_000_000


def test_a_command_that_hangs_is_killed_with_its_group(connection: Connection):
    with pytest.raises(CommandTimeout) as caught:
        connection.run(f"echo last words >&2; {asleep(1)} & {asleep(2)}", name="hang", timeout_s=0.5)

    assert caught.value.params == {
        "server": connection.server.name,
        "command": "hang",
        "seconds": 0.5,
        "tail": "last words",
    }
    wait_until(lambda: not is_running(connection, asleep(1)))
    wait_until(lambda: not is_running(connection, asleep(2)))


def test_a_command_that_ignores_being_asked_is_killed_too(connection: Connection, monkeypatch):
    monkeypatch.setattr("deploy_core.reach.ssh.session.GRACE_S", 0.2)
    with pytest.raises(CommandTimeout):
        connection.run(f"trap '' TERM; {asleep(3)}; {asleep(4)}", timeout_s=0.3)

    wait_until(lambda: not is_running(connection, asleep(3)))
    wait_until(lambda: not is_running(connection, asleep(4)))


def test_a_cancel_kills_the_remote_process(connection: Connection):
    started = threading.Event()

    with pytest.raises(Cancelled):
        connection.run(f"echo up; {asleep(5)}", on_line=lambda *_: started.set(), stop=started.is_set)

    wait_until(lambda: not is_running(connection, asleep(5)))


def test_endless_output_is_capped_and_killed(connection: Connection):
    heard = 0

    def count(stream: str, text: str) -> None:
        nonlocal heard
        heard += len(text)

    with pytest.raises(OutputLimit) as caught:
        connection.run(f"yes {asleep(6)} {asleep(6)} | head -c 100000000", on_line=count)

    assert caught.value.params["limit_bytes"] == OUTPUT_LIMIT_BYTES
    assert 0.9 * OUTPUT_LIMIT_BYTES < heard < OUTPUT_LIMIT_BYTES + MB
    wait_until(lambda: not is_running(connection, asleep(6)))


def test_much_output_passes_in_bounded_memory(connection: Connection):
    command = "head -c 30000000 /dev/zero | tr '\\0' x | fold -w 1000"

    result = connection.run(command, limit_bytes=200 * MB)

    assert result.exit_status == 0
    assert len(result.out_tail) <= 65_536


def test_a_reader_that_fails_ends_the_command(connection: Connection):
    def fail(stream: str, text: str) -> None:
        raise ValueError("the log is full")

    with pytest.raises(ValueError, match="the log is full"):
        connection.run(f"echo x; {asleep(7)}", on_line=fail)

    wait_until(lambda: not is_running(connection, asleep(7)))
