"""Servers and wires that misbehave."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import asyncssh

from deploy_core.reach.connection import Connection, PasswordLogin, ServerAddress
from tests.waiting import wait_until

PASSWORD = PasswordLogin("open sesame")


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that hands each connection to `serve`, in a thread, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                held.append(peer)
                thread = threading.Thread(target=_guarded, args=(serve, peer), name="test-serve", daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, name="test-accept", daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for peer in held:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
                peer.close()
            for thread in (accepting, *threads):
                thread.join(10)


def _guarded(serve: Callable[[socket.socket], None], peer: socket.socket) -> None:
    with suppress(OSError):
        serve(peer)
    with suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)


class Wire:
    """A proxy in front of a port. `freeze` stops it from carrying anything until `thaw`, `cut` ends all connections."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._flows = threading.Event()
        self._flows.set()
        self._ends: list[socket.socket] = []
        self.carried_bytes = 0
        self.limit_bytes = float("inf")
        self.at_limit: Callable[[], None] = lambda: None

    def serve(self, peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as target:
            self._ends += [peer, target]
            back = threading.Thread(target=self._bring_back, args=(target, peer), name="test-back", daemon=True)
            back.start()
            with suppress(OSError):
                self._carry(peer, target, counts=True)
            back.join(10)

    def _bring_back(self, target: socket.socket, peer: socket.socket) -> None:
        """Carry what comes back; who hangs up there hangs up here."""
        _guarded(lambda it: self._carry(it, peer), target)
        with suppress(OSError):
            peer.shutdown(socket.SHUT_RDWR)

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool = False) -> None:
        while data := source.recv(65536):
            self._flows.wait()
            if counts:
                self.carried_bytes += len(data)
                if self.carried_bytes > self.limit_bytes:
                    self.limit_bytes = float("inf")
                    self.at_limit()
                    self._flows.wait()
            target.sendall(data)

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.thaw()


@contextmanager
def wire_to(port: int) -> Iterator[tuple[int, Wire]]:
    """The port of a wire to `port`, and the wire."""
    wire = Wire(port)
    with tcp_server(wire.serve) as own_port:
        try:
            yield own_port, wire
        finally:
            wire.cut()


Handler = Callable[["asyncssh.SSHServerProcess[bytes]"], Awaitable[None]]


@contextmanager
def odd_server(handle: Handler, *, asks_questions: bool = False, window_bytes: int = 2**21) -> Iterator[ServerAddress]:
    """An SSH server (password `PASSWORD`) whose every command is `handle`: for answers OpenSSH never gives.

    `asks_questions`: it takes the password as an answer (keyboard-interactive) and not as a password.
    """

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return not asks_questions

        def kbdint_auth_supported(self) -> bool:
            return asks_questions

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
            return "", "", "", [("Password: ", False)]

        def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
            return list(responses) == [PASSWORD.password]

        def validate_password(self, username: str, password: str) -> bool:
            return password == PASSWORD.password

    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="test-asyncssh", daemon=True)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            server_factory=Server,
            process_factory=handle,
            encoding=None,
            window=window_bytes,
        )

    async def end(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        line = key.export_public_key().decode().split()
        yield ServerAddress("odd", "127.0.0.1", server.get_port(), "anybody", f"{line[0]} {line[1]}")
        asyncio.run_coroutine_threadsafe(end(server), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def no_thread_left() -> Iterator[None]:
    """None of ours, that is: the servers of these tests run in threads named `test-…`."""

    def ours() -> set[threading.Thread]:
        return {it for it in threading.enumerate() if not it.name.startswith(("test-", "asyncio"))}

    before = ours()
    yield
    wait_until(lambda: ours() <= before, what="the threads of the connection end")


def is_running(connection: Connection, words: str) -> bool:
    """Whether a process with `words` in its command line is alive on the server."""
    bracketed = f"[{words[0]}]{words[1:]}"
    return connection.run(f"ps -eo stat,args | grep -v '^Z' | grep -qe '{bracketed}'").exit_status == 0
