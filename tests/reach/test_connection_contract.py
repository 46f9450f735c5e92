"""What every `Connection` does: the real one against OpenSSH, and the fake one that other tests use."""

from collections.abc import Iterator

import pytest

from deploy_core.errors import Cancelled, CommandFailed, ConnectionLost
from deploy_core.reach import ssh
from deploy_core.reach.connection import Connection
from tests.fakes import FakeConnection

TALKING = "echo one; echo two; echo oops >&2; exit 3"


@pytest.fixture(params=["real", "fake"])
def any_connection(request) -> Iterator[Connection]:
    if request.param == "fake":
        yield FakeConnection(answers={TALKING: (3, "one\ntwo\n", "oops\n")})
        return
    server = request.getfixturevalue("sshd")
    with ssh.connect(server.address, server.key) as it:
        yield it


@pytest.fixture
def path(request, any_connection) -> str:
    if isinstance(any_connection, FakeConnection):
        return "/srv/file"
    return str(request.getfixturevalue("sshd").folder / "contract-file")


def test_a_command_says_lines_and_ends_with_its_status(any_connection):
    heard: list[tuple[str, str]] = []

    result = any_connection.run(TALKING, on_line=lambda stream, text: heard.append((stream, text)))

    assert result.exit_status == 3
    assert (result.out_tail, result.err_tail) == ("one\ntwo\n", "oops\n")
    assert [text for stream, text in heard if stream == "o"] == ["one", "two"]
    assert [text for stream, text in heard if stream == "e"] == ["oops"]


def test_a_bad_status_becomes_an_error_when_it_is_checked(any_connection):
    with pytest.raises(CommandFailed) as caught:
        any_connection.run(TALKING).check("talk")

    assert caught.value.params == {
        "server": any_connection.server.name,
        "command": "talk",
        "exit_status": 3,
        "tail": "oops",
    }
    assert any_connection.run(("true",)).check("true").exit_status == 0


def written(connection: Connection, path: str, content: bytes) -> None:
    """A file on the server, made without what is tested."""
    if isinstance(connection, FakeConnection):
        connection.files[path] = content
    else:
        connection.run(f"cat > {path}", stdin=content).check("cat")


@pytest.mark.parametrize("content", [b"", b"content \x00\xff\n"])
def test_what_is_there_can_be_got(any_connection, path, content):
    written(any_connection, path, content)

    assert any_connection.get(path) == content


def test_a_file_that_is_missing_or_too_long_is_not_got(any_connection, path):
    with pytest.raises(CommandFailed):
        any_connection.get(path + ".missing")
    written(any_connection, path, b"x" * 100)
    with pytest.raises(CommandFailed) as caught:
        any_connection.get(path, limit_bytes=99)

    assert caught.value.code == "file_too_large"


def test_a_port_where_nothing_listens_refuses_the_tunnel(any_connection):
    with pytest.raises(CommandFailed) as caught:
        any_connection.open_tunnel(1)

    assert caught.value.code == "tunnel_refused"
    assert caught.value.params["port"] == 1


def test_who_stops_is_told_so(any_connection):
    with pytest.raises(Cancelled):
        any_connection.run(("true",) if isinstance(any_connection, FakeConnection) else "sleep 300", stop=lambda: True)


def test_a_closed_connection_is_lost(any_connection, path):
    any_connection.close()

    for use in (
        lambda: any_connection.run(("true",)),
        lambda: any_connection.get(path),
        lambda: any_connection.open_tunnel(1),
    ):
        with pytest.raises(ConnectionLost):
            use()
