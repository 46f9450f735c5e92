"""SSH against a real OpenSSH server."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy_core.errors import (
    HostKeyError,
    LoginError,
)
from deploy_core.reach import ssh
from deploy_core.reach.connection import AgentLogin, Connection, KeyLogin, PasswordLogin
from deploy_core.reach.masking import Masker
from tests.reach.wires import PASSWORD, no_thread_left, odd_server, tcp_server
from tests.services import openssh
from tests.services.openssh import Sshd, make_key
from tests.waiting import wait_until

MB = 1_000_000


# --- logging in -------------------------------------------------------------------------------------------------------


def test_a_key_opens_the_door(sshd: Sshd):
    with no_thread_left(), ssh.connect(sshd.address, sshd.key) as connection:
        assert connection.run(("whoami",)).out_tail == sshd.address.user + "\n"


def test_a_password_opens_the_door(sshd: Sshd):
    """Against OpenSSH where the tests may make a user, against asyncssh where not."""
    if sshd.password:
        with ssh.connect(sshd.address, sshd.password) as connection:
            assert connection.run(("whoami",)).out_tail == sshd.address.user + "\n"
        return

    async def hello(process):
        process.stdout.write(b"hello\n")
        process.exit(0)

    with odd_server(hello) as address, ssh.connect(address, PASSWORD) as connection:
        assert connection.run(("whoami",)).exit_status == 0


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_key_of_another_kind_is_read_and_refused_by_the_server(sshd: Sshd, tmp_path, kind):
    pem = make_key(tmp_path / "other", kind)

    with no_thread_left(), pytest.raises(LoginError) as caught:
        ssh.connect(sshd.address, KeyLogin(pem))

    assert caught.value.code == "login_refused"
    assert caught.value.params["user"] == sshd.address.user
    assert caught.value.params["kind"] == "key"


def test_a_wrong_password_is_refused(sshd: Sshd):
    with pytest.raises(LoginError) as caught:
        ssh.connect(sshd.address, PasswordLogin("wrong-password"))

    assert caught.value.params["kind"] == "password"
    assert "wrong-password" not in str(caught.value)


def test_an_agent_without_keys_is_refused(sshd: Sshd, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    with pytest.raises(LoginError) as caught:
        ssh.connect(sshd.address, AgentLogin())

    assert caught.value.params["kind"] == "agent"


def test_an_agent_opens_the_door(sshd: Sshd, tmp_path, monkeypatch):
    make_key(tmp_path / "other")
    (tmp_path / "login").touch(0o600)
    (tmp_path / "login").write_bytes(sshd.key.pem)
    socket_path = f"{sshd.log.parent}/agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket_path], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: Path(socket_path).exists())
        monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
        for name in ("other", "login"):
            subprocess.run(["ssh-add", "-q", tmp_path / name], check=True, stdin=subprocess.DEVNULL)

        with no_thread_left(), ssh.connect(sshd.address, AgentLogin()) as connection:
            assert connection.run(("whoami",)).out_tail == sshd.address.user + "\n"
    finally:
        agent.terminate()
        agent.wait()


def test_a_server_that_asks_questions_gets_the_password_as_answer():
    async def hello(process):
        process.exit(0)

    with odd_server(hello, asks_questions=True) as address:
        with ssh.connect(address, PASSWORD) as connection:
            assert connection.run(("true",)).exit_status == 0
        with pytest.raises(LoginError):
            ssh.connect(address, PasswordLogin("wrong"))


def test_a_passphrase_opens_its_key(sshd: Sshd, tmp_path):
    pem = make_key(tmp_path / "locked", passphrase="open sesame")

    assert ssh.load_key(pem, "open sesame").get_name() == "ssh-ed25519"
    for passphrase, reason in (("", "needs_passphrase"), ("wrong", "damaged")):
        with pytest.raises(LoginError) as caught:
            ssh.connect(sshd.address, KeyLogin(pem, passphrase))
        assert (caught.value.code, caught.value.params["reason"]) == ("key_unreadable", reason)


@pytest.mark.parametrize(
    ("pasted", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"x" * 1_048_576, "too_large"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "putty"),
        (b"ssh-ed25519 AAAAC3Nza me@here\n", "public"),
        (b"hello", "not_a_key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "damaged"),
    ],
)
def test_what_is_no_private_key_is_told_apart_and_not_echoed(pasted, reason):
    with pytest.raises(LoginError) as caught:
        ssh.load_key(pasted)

    assert caught.value.params == {"server": "", "reason": reason}


# --- the host key -----------------------------------------------------------------------------------------------------


def test_a_probe_shows_the_key_that_is_to_be_pinned(sshd: Sshd):
    with no_thread_left():
        seen = ssh.probe(sshd.address.host, sshd.address.port)

    assert seen.line == sshd.address.host_key
    assert seen.fingerprint == ssh.fingerprint(sshd.address.host_key)
    assert seen.fingerprint.startswith("SHA256:")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_another_host_key_ends_it_before_anything_is_said(sshd: Sshd, tmp_path, kind):
    make_key(tmp_path / "other", kind)
    pinned = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    offset = sshd.log.stat().st_size

    with no_thread_left(), pytest.raises(HostKeyError) as caught:
        ssh.connect(replace(sshd.address, host_key=pinned), PasswordLogin("must-not-be-sent"))

    assert caught.value.code == "host_key_changed"
    assert caught.value.params["expected"] == ssh.fingerprint(pinned)
    log = sshd.log.read_bytes()[offset:]
    assert b"Failed password" not in log
    assert b"userauth" not in log


def test_an_unknown_host_key_is_shown_and_nothing_is_said(sshd: Sshd):
    with pytest.raises(HostKeyError) as caught:
        ssh.connect(replace(sshd.address, host_key=""), sshd.key)

    assert caught.value.code == "host_key_unknown"
    assert caught.value.params["got"] == ssh.fingerprint(sshd.address.host_key)


# --- running commands -------------------------------------------------------------------------------------------------


def test_arguments_arrive_as_they_are(connection: Connection):
    odd = ("a b", "", "'", '"', "$(touch canary)", "*", "-rf", "new\nline", "\\", "é中", "\udcff")

    result = connection.run(("printf", "%s\\n", *odd))

    assert result.out_tail == "".join(word + "\n" for word in odd).replace("\udcff", "\ufffd")


def test_variables_reach_the_command_and_no_argument_list(connection: Connection):
    result = connection.run('echo "$TOKEN"; ps -eo args | grep variables', variables={"TOKEN": "a secret of variables"})

    assert result.out_tail.splitlines()[0] == "a secret of variables"
    assert result.out_tail.count("a secret of variables") == 1


def test_stdin_is_fed_while_output_is_drained(connection: Connection):
    """Far more than both windows in both directions: whoever reads one thing at a time hangs here."""
    pieces = (bytes([number % 251]) * 65_536 for number in range(80))

    result = connection.run("tee /dev/stderr | wc -c", stdin=pieces, limit_bytes=100 * MB)

    assert result.out_tail.strip() == str(80 * 65_536)


def test_a_command_that_reads_nothing_does_not_keep_its_sender(connection: Connection):
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    assert connection.run("exit 4", stdin=endless()).exit_status == 4


def test_an_upload_is_not_far_ahead_of_its_reader(connection: Connection):
    """OpenSSH would take 2 MB, and copies what it holds for each packet that comes."""
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            sent.append(16 * 1024)
            yield bytes(16 * 1024)

    connection.run("sleep 0.5; exit 0", stdin=pieces()).check("read nothing")

    assert 0 < sum(sent) < 1024 * 1024


def test_a_sender_may_wait_for_what_the_command_says(connection: Connection):
    heard: list[str] = []

    def sender() -> Iterator[bytes]:
        while not heard:
            yield b""
        yield heard[0].upper().encode()

    result = connection.run("echo question; cat", stdin=sender(), on_line=lambda stream, text: heard.append(text))

    assert result.out_tail == "question\nQUESTION"


def test_many_operations_share_one_connection(sshd: Sshd, connection: Connection):
    offset = sshd.log.stat().st_size
    path = str(sshd.folder / "shared-connection")

    for number in range(15):
        assert connection.run(("echo", str(number))).out_tail == f"{number}\n"
        connection.run(f"echo {number} > {path}").check("echo")
        assert connection.get(path) == b"%d\n" % number

    assert b"Accepted" not in sshd.log.read_bytes()[offset:]


def test_a_tunnel_carries_bytes_to_the_servers_loopback(connection: Connection):
    def echo(peer: socket.socket) -> None:
        peer.sendall(peer.recv(100).upper())

    with tcp_server(echo) as port:
        tunnel = connection.open_tunnel(port)
        tunnel.sendall(b"hello")
        assert tunnel.recv(100) == b"HELLO"
        assert tunnel.recv(100) == b""
        tunnel.close()


def test_what_only_stderr_says_is_heard(connection: Connection):
    heard: list[tuple[str, str]] = []

    result = connection.run(
        "for i in 1 2 3; do echo line $i >&2; done; exit 1",
        on_line=lambda stream, text: heard.append((stream, text)),
    )

    assert heard == [("e", "line 1"), ("e", "line 2"), ("e", "line 3")]
    assert (result.exit_status, result.out_tail) == (1, "")


def test_a_login_shell_that_talks_is_not_mistaken_for_the_command():
    """A shell's start-up file greets; a script's first answer must still be the script's."""
    greeting = """ForceCommand echo "Welcome"; printf 'no newline'; eval "$SSH_ORIGINAL_COMMAND\""""
    with openssh.running(config=greeting) as [server], ssh.connect(server.address, server.key) as connection:
        assert connection.run("echo answer").out_tail == "answer\n"


def test_a_login_without_a_shell_says_what_it_has_to_say():
    refusal = "ForceCommand echo This account is not available; exit 1"
    with openssh.running(config=refusal) as [server], ssh.connect(server.address, server.key) as connection:
        result = connection.run("echo answer")

    assert (result.exit_status, result.out_tail) == (1, "This account is not available\n")


def test_a_process_left_behind_does_not_keep_us(connection: Connection):
    heard: list[tuple[str, str]] = []

    result = connection.run(
        "sleep 30 & echo started", on_line=lambda stream, text: heard.append((stream, text)), timeout_s=20
    )

    assert result.exit_status == 0
    assert [stream for stream, _ in heard] == ["o", "m"]


def test_secrets_are_masked_in_lines_tails_and_errors(sshd: Sshd):
    heard: list[str] = []
    with ssh.connect(sshd.address, sshd.key, mask=Masker(["hunter2-hunter2"])) as connection:
        result = connection.run(
            "printf hunter2-; sleep 0.05; echo hunter2; echo hunter2-hunter2 | base64 >&2; exit 1",
            on_line=lambda stream, text: heard.append(text),
        )

    assert "hunter2" not in str(heard) + str(result)
    assert heard[0] == "[MASKED]"
