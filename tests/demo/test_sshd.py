"""The demo's SSH servers behave as servers do, and leave when their parent does."""

import asyncio
import os
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from chatops.demo import sshd
from chatops.demo.orders import Program
from deploy_core.errors import Cancelled, CommandFailed, HostKeyError, LoginError
from deploy_core.reach import ssh
from deploy_core.reach.connection import Connection, KeyLogin, PasswordLogin, ServerAddress
from tests.demo.conftest import Servers
from tests.waiting import wait_until


@pytest.fixture
def web_1(servers: Servers) -> Iterator[Connection]:
    with ssh.connect(servers.address(), servers.login()) as connection:
        yield connection


def is_alive(pid: int) -> bool:
    """A zombie counts as gone: here nobody may be there to reap it."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


# --- commands ---------------------------------------------------------------------------------------------------------
def test_a_command_runs_in_the_home_folder_and_tells_its_status(servers, web_1):
    result = web_1.run('pwd; echo "$HOME"; echo oh >&2; exit 7')

    home = str(servers.folder / "web-1")
    assert (result.exit_status, result.out_tail.split(), result.err_tail.strip()) == (7, [home, home], "oh")


def test_many_megabytes_go_in_and_come_out_whole(web_1):
    pieces = (b"x" * 1_000_000 for _ in range(20))

    went_in = web_1.run("wc -c", stdin=pieces)
    came_out = web_1.run("head -c 5000000 /dev/zero | base64; echo end")

    assert went_in.out_tail.strip() == "20000000"
    assert came_out.out_tail.endswith("end\n")


def test_a_slow_reader_slows_the_command_and_loses_nothing(web_1):
    seen: list[str] = []

    def read_slowly(stream: str, text: str) -> None:
        if len(seen) < 20:
            time.sleep(0.005)
        seen.append(text)

    web_1.run("i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i+1)); done", on_line=read_slowly)

    assert seen == [f"line {number}" for number in range(30_000)]


async def test_a_client_that_pauses_after_the_commands_end_gets_all_of_its_output(monkeypatch):
    monkeypatch.setattr(sshd, "SILENCE_S", 0.01)
    reads_on = asyncio.Event()
    got: list[bytes] = []

    class Client:
        def write(self, piece: bytes) -> None:
            got.append(piece)

        async def drain(self) -> None:
            await reads_on.wait()

    printed = asyncio.StreamReader(limit=sshd.PIECE)
    printed.feed_data(b"x" * 3 * sshd.PIECE)
    printed.feed_eof()
    output = sshd.Output()
    draining = [asyncio.create_task(output.drain(printed, Client()))]

    coming = asyncio.create_task(output.come_through(draining))
    done, _ = await asyncio.wait({coming}, timeout=0.3)
    assert not done
    reads_on.set()
    await asyncio.wait_for(coming, 20)

    assert len(b"".join(got)) == 3 * sshd.PIECE


def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_command(web_1):
    began = time.monotonic()

    result = web_1.run("sleep 60 & echo started")

    assert (result.exit_status, result.out_tail) == (0, "started\n")
    assert time.monotonic() - began < 30


def test_a_cancelled_command_is_gone(web_1):
    pids: list[int] = []

    with pytest.raises(Cancelled):
        web_1.run("echo $$; exec sleep 60", on_line=lambda _, text: pids.append(int(text)), stop=lambda: bool(pids))

    wait_until(lambda: not is_alive(pids[0]))


def test_a_command_ends_with_the_connection_it_came_by(servers):
    connection = ssh.connect(servers.address(), servers.login())
    pids: list[int] = []
    runner = threading.Thread(
        target=lambda: suppress_all(
            lambda: connection.run("echo $$; cat", stdin=nothing_more(pids), on_line=lambda _, t: pids.append(int(t)))
        )
    )
    runner.start()
    wait_until(lambda: pids)

    connection.close()

    wait_until(lambda: not is_alive(pids[0]))
    runner.join(20)


def suppress_all(act: Callable[[], object]) -> None:
    with suppress(Exception):
        act()


def nothing_more(pids: list[int]) -> Iterator[bytes]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        yield b""


# --- files and tunnels ------------------------------------------------------------------------------------------------
def test_a_file_in_the_home_folder_is_given_back_byte_for_byte(servers, web_1):
    content = os.urandom(300_000)
    (servers.folder / "web-1" / "deep.bin").write_bytes(content)

    assert web_1.get("deep.bin") == content


def test_files_outside_the_home_folder_are_not_there(web_1, tmp_path):
    (tmp_path / "secret").write_text("x")

    with pytest.raises(CommandFailed):
        web_1.get(str(tmp_path / "secret"))
    with pytest.raises(CommandFailed):
        web_1.get("../../../../../../etc/passwd")


def test_a_tunnel_leads_to_loopback(web_1):
    class Echo(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(self.request.recv(100)[::-1])

    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with closing(web_1.open_tunnel(server.server_address[1])) as tunnel:
            tunnel.settimeout(20)
            tunnel.sendall(b"abc")

            assert tunnel.recv(3) == b"cba"


# --- who may come in --------------------------------------------------------------------------------------------------
def test_the_one_server_without_keys_takes_its_password_and_no_key(servers):
    with ssh.connect(servers.address("web-3"), servers.login("web-3")) as connection:
        assert connection.run(("true",)).exit_status == 0
    with pytest.raises(LoginError):
        ssh.connect(servers.address("web-3"), servers.login("web-1"))


@pytest.mark.parametrize("what", ["password", "key", "name"])
def test_nobody_else_comes_in(servers, what, tmp_path):
    from chatops.demo.keys import Keys

    address, login = servers.address("web-1"), servers.login("web-1")
    if what == "password":
        login = PasswordLogin(servers.keys.password())
    elif what == "key":
        login = KeyLogin(Keys(tmp_path).client().private.encode())
    else:
        address = ServerAddress(address.name, address.host, address.port, "root", address.host_key)

    with pytest.raises(LoginError):
        ssh.connect(address, login)


def test_each_server_has_a_host_key_of_its_own(servers):
    address = servers.address("web-1")
    another = ServerAddress("web-1", "127.0.0.1", servers.machines.ports["web-2"], "deploy", address.host_key)

    with pytest.raises(HostKeyError):
        ssh.connect(another, servers.login())


def test_nothing_listens_beyond_loopback(servers):
    listening = Path("/proc/net/tcp").read_text() if Path("/proc/net/tcp").exists() else ""

    for port in servers.machines.ports.values():
        rows = [row.split()[1] for row in listening.splitlines() if row.split()[1].endswith(f":{port:04X}")]
        assert all(row.startswith("0100007F:") for row in rows)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), 2)


# --- coming and going -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["close", "term", "kill"])
def test_whatever_ends_the_servers_ends_what_runs_on_them(start, how):
    servers: Servers = start()
    home = servers.folder / "web-1"
    daemon = "import os; open('pid', 'w').write(str(os.getpid())); os.read(int(os.environ['STOP_WITH_FD']), 1)"
    (home / "daemon.py").write_text(daemon)
    servers.machines.start([Program("web-1", "setsid python3 daemon.py >/dev/null 2>&1 </dev/null &", str(home))])
    pid = int(wait_until(lambda: (home / "pid").exists() and (home / "pid").read_text()))
    assert is_alive(pid)

    if how == "close":
        servers.machines.stop()
    else:
        servers.machines.process.send_signal(signal.SIGTERM if how == "term" else signal.SIGKILL)
        servers.machines.process.wait(20)

    wait_until(lambda: not is_alive(pid))


def test_a_stubborn_program_ends_too_when_the_pipe_closes(start):
    servers: Servers = start()
    home = servers.folder / "web-1"
    stubborn = "trap '' TERM HUP INT; echo $$ >pid; while :; do sleep 1; done"
    servers.machines.start([Program("web-1", f"setsid sh -c {stubborn!r} >/dev/null 2>&1 &", str(home))])
    pid = int(wait_until(lambda: (home / "pid").exists() and (home / "pid").read_text()))

    servers.machines.stop()

    wait_until(lambda: not is_alive(pid))


def test_a_taken_port_is_replaced(servers, lock):
    from chatops.demo.machines import Machines

    taken = servers.machines.ports["web-1"]

    others = Machines([servers.order("web-1", port=taken)], lock)

    assert others.ports["web-1"] not in {0, taken}
    others.stop()
