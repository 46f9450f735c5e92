"""`python -m chatops.demo.sshd`: the demo's SSH servers, N of them in one process, on loopback only.

The first line of stdin says what to serve, and one line on stdout answers with the ports; later lines name programs
to start on the servers (orders.py). The process lives as long as its stdin stays open: when whoever started it ends,
however it ends, the pipe closes, and this process leaves and takes along all that its servers run, found by a mark in
the environment. Should it be killed itself, the shop's copies still end: they hold the read end of a second pipe
(`STOP_WITH_FD`) and see it close.
"""

import asyncio
import hmac
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import asyncssh

from chatops.demo import orders
from chatops.demo.orders import Program, ServerOrder

#: What servers give to a login; ours when theirs does not lead to what the shop needs.
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATH = PLAIN_PATH if shutil.which("python3", path=PLAIN_PATH) else os.environ.get("PATH", PLAIN_PATH)
#: How much is taken from one pipe at a time.
PIECE = 64 * 1024
#: The longest line of orders.
ORDERS_LIMIT = 16 * 1024 * 1024
#: A daemon that a command leaves behind may hold its pipes for ever: after so long without a byte they count as done.
SILENCE_S = 0.5
#: How many programs are started at the same time.
STARTS = 4
#: The mark of what belongs to this process.
MARK = ("SHIPROOM_DEMO_SSHD", secrets.token_hex(8))


class Door(asyncssh.SSHServer):
    """Who may come in to one server, and what they may reach through it."""

    def __init__(self, order: ServerOrder) -> None:
        self.order = order
        self.key = asyncssh.import_public_key(order.public_key) if order.public_key else None

    def begin_auth(self, username: str) -> bool:
        """Everybody has to prove who they are."""
        return True

    def public_key_auth_supported(self) -> bool:
        return self.key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self.order.user and key == self.key

    def password_auth_supported(self) -> bool:
        return bool(self.order.password)

    def validate_password(self, username: str, password: str) -> bool:
        return username == self.order.user and hmac.compare_digest(password.encode(), self.order.password.encode())

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """A tunnel (direct-tcpip) leads to this machine's loopback and nowhere else."""
        return dest_host in {"127.0.0.1", "localhost"}


class Machine:
    """What runs on one server."""

    def __init__(self, order: ServerOrder, leash: int) -> None:
        self.order = order
        self.folder = Path(order.folder)
        self.leash = leash

    async def run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Run one command as sshd does: a shell in the home folder, its three pipes, its exit status."""
        if process.command is None:
            process.stderr.write(b"Commands only: there is no shell to log in to here.\n")
            process.exit(1)
            return
        child = await Child.start(process.command, self.folder, self.environment(), self.leash)
        output = Output()
        feeding = asyncio.create_task(_feed(process, child))
        draining = [
            asyncio.create_task(output.drain(source, target))
            for source, target in ((child.stdout, process.stdout), (child.stderr, process.stderr))
        ]
        leaving = asyncio.create_task(process.channel.wait_closed())
        ending = asyncio.create_task(child.process.wait())
        try:
            await asyncio.wait({ending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                child.signal(signal.SIGKILL)
                return
            await output.come_through(draining)
            if ending.result() < 0:
                process.exit_with_signal(signal.Signals(-ending.result()).name.removeprefix("SIG"))
            else:
                process.exit(ending.result())
        finally:
            for task in (feeding, leaving, *draining):
                task.cancel()
            child.close()

    async def start_again(self, program: Program, places: asyncio.Semaphore) -> None:
        """Run one of the programs that this server has from the start; say so when it does not come up."""
        async with places:
            child = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                program.command,
                cwd=program.folder,
                env=self.environment() | program.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(self.leash,),
                start_new_session=True,
            )
            if status := await child.wait():
                print(f"{self.order.name}: {program.command} in {program.folder} ended with {status}", file=sys.stderr)

    def environment(self) -> dict[str, str]:
        """What a login has, and nothing of this process's own environment."""
        return {
            "HOME": str(self.folder),
            "USER": self.order.user,
            "LOGNAME": self.order.user,
            "SHELL": "/bin/sh",
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "STOP_WITH_FD": str(self.leash),
            MARK[0]: MARK[1],
        }


class Output:
    """A command's output on its way to the client."""

    def __init__(self) -> None:
        self.bytes = 0
        #: How many of the streams wait for the client to read on.
        self.waiting = 0

    async def drain(self, source: asyncio.StreamReader, target: "asyncssh.SSHWriter[bytes]") -> None:
        """All of `source` to `target`; a slow client slows the command down."""
        with suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):
            while piece := await source.read(PIECE):
                target.write(piece)
                self.waiting += 1
                try:
                    await target.drain()
                finally:
                    self.waiting -= 1
                self.bytes += len(piece)

    async def come_through(self, draining: list["asyncio.Task[None]"]) -> None:
        """Wait, after the command's end, until its pipes are closed or silent. A client that is slow is no silence."""
        moved = -1
        while self.waiting or moved != self.bytes:
            moved = self.bytes
            _, pending = await asyncio.wait(draining, timeout=SILENCE_S)
            if not pending:
                return


class Child:
    """A running command. Its pipes are our own: asyncio's `wait()` would wait for daemons that hold them, too."""

    process: asyncio.subprocess.Process
    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    pipes: tuple[asyncio.BaseTransport, ...] = ()

    @classmethod
    async def start(cls, command: str, folder: Path, environment: dict[str, str], leash: int) -> "Child":
        """A shell with `command`, the leader of a group of its own."""
        (stdin, feed), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        child = cls()
        child.process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command),
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(leash,),
            start_new_session=True,
        )
        for theirs in (stdin, stdout, stderr):
            os.close(theirs)
        child.stdin = await _writer(feed)
        child.stdout, taking = await _reader(out)
        child.stderr, noting = await _reader(err)
        child.pipes = (taking, noting)
        return child

    def signal(self, how: signal.Signals) -> None:
        """Send `how` to the command's group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, how)

    def close(self) -> None:
        """Let go of the pipes; a daemon may still hold their other ends."""
        self.stdin.close()
        for pipe in self.pipes:
            pipe.close()


async def _reader(descriptor: int, limit: int = PIECE) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    """A pipe's read end, as a stream that takes little more than it is asked for, and what closes it."""
    stream = asyncio.StreamReader(limit=limit)
    protocol = asyncio.StreamReaderProtocol(stream)
    pipe = os.fdopen(descriptor, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return stream, transport


async def _writer(descriptor: int) -> asyncio.StreamWriter:
    """A pipe's write end, as a stream whose `drain` waits for the other side."""
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(descriptor, "wb", 0))
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def _feed(process: "asyncssh.SSHServerProcess[bytes]", child: Child) -> None:
    """Client's stdin to the child's; a slow child slows the client down. Signals of the client go to the group."""
    while True:
        try:
            piece = await process.stdin.read(PIECE)
        except asyncssh.SignalReceived as signalled:
            child.signal(getattr(signal, f"SIG{signalled.signal}", signal.SIGTERM))
            continue
        except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
            continue
        if not piece:
            break
        with suppress(BrokenPipeError, ConnectionResetError):  # it stopped reading: its own affair
            child.stdin.write(piece)
            await child.stdin.drain()
    child.stdin.close()


async def serve() -> None:
    """Serve until stdin closes, or a signal says the same."""
    told = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sent, told.set)
    leash, held = os.pipe()  # nobody writes: the write end's only holder is this process, and it dies with it
    stdin, _ = await _reader(0, ORDERS_LIMIT)
    machines = {order.name: Machine(order, leash) for order in orders.servers(await stdin.readline())}
    listening = {name: await _listen(machine) for name, machine in machines.items()}
    print(json.dumps({name: server.get_port() for name, server in listening.items()}), flush=True)
    waiting, hearing = asyncio.create_task(told.wait()), asyncio.create_task(_hear(stdin, machines))
    await asyncio.wait({waiting, hearing}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    hearing.cancel()
    os.close(held)


async def _hear(stdin: asyncio.StreamReader, machines: dict[str, Machine]) -> None:
    """Start the programs that each line names; return when stdin closes."""
    places = asyncio.Semaphore(STARTS)
    starting = []
    while line := await stdin.readline():
        for program in orders.programs(line):
            starting.append(asyncio.create_task(machines[program.server].start_again(program, places)))
    for task in starting:
        task.cancel()


async def _listen(machine: Machine) -> asyncssh.SSHAcceptor:
    order = machine.order
    try:
        listening = socket.create_server(("127.0.0.1", order.port), backlog=128)
    except OSError:  # taken meanwhile: any other; the answer says which
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    return await asyncssh.listen(
        sock=listening,
        server_factory=lambda: Door(order),
        server_host_keys=[asyncssh.import_private_key(order.host_key)],
        process_factory=machine.run,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(machine.folder)),
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
        login_timeout=20,
        config=[],  # this machine's own sshd settings are none of the demo's business
    )


def marked() -> list[int]:
    """The processes whose environment says that they were started by this one's servers."""
    mark = "=".join(MARK)
    processes = Path("/proc")
    if processes.joinpath("self/environ").exists():
        found = []
        for folder in processes.glob("[0-9]*"):
            with suppress(OSError):  # it ended while we looked, or is another person's
                if mark.encode() in folder.joinpath("environ").read_bytes():
                    found.append(int(folder.name))
        return found
    # Not Linux: every ps that knows `e` shows the environment after the command.
    listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    return [int(line.split(None, 1)[0]) for line in listing.stdout.splitlines() if mark in line]


def main() -> None:
    """Read the orders, serve, and leave nothing behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent closes the pipe
    try:
        asyncio.run(serve())
    finally:
        for pid in marked():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
