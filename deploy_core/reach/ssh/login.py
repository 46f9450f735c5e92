"""Connecting: the server is recognised first, and only then hears who we are."""

import threading
import time
from collections.abc import Callable, Iterator

import paramiko
from paramiko.auth_handler import AuthHandler

from deploy_core.errors import HostKeyError, LoginError, Unreachable
from deploy_core.reach.connection import (
    CONNECT_S,
    AgentLogin,
    Hop,
    HostKey,
    KeyLogin,
    Login,
    PasswordLogin,
    ServerAddress,
)
from deploy_core.reach.masking import Masker

from .keys import host_key, load_key, short
from .session import Session
from .transport import LOST, Transport, detail, handshake, left

KEEPALIVE_S = 15


def connect(
    server: ServerAddress, login: Login, *, deadline_s: float = CONNECT_S, mask: Masker | None = None
) -> Session:
    """An authenticated connection, for use in a `with`; `mask` hides secrets in all output that comes through it.

    `deadline_s` covers TCP, banner, key exchange and login together.

    Raises:
        Unreachable: no address, no TCP, no SSH, or not in time.
        HostKeyError: the key is not the pinned one (`host_key_changed`), or none is pinned (`host_key_unknown`).
        LoginError: the server refused, or the key cannot be read (`key_unreadable`).
    """
    end = time.monotonic() + deadline_s
    key = load_key(login.pem, login.passphrase, server=server.name) if isinstance(login, KeyLogin) else None
    way = _way(server, end)
    transport = _reach(server, way, end, pinned=server.host_key)
    try:
        _recognise(server, transport)
        _log_in(server, login, key, transport, end)
        transport.packetizer.write_end = float("inf")
        transport.set_keepalive(KEEPALIVE_S)
    except BaseException:
        transport.end()
        if way:
            way.close()
        raise
    return Session(server, transport, mask or Masker(), way)


def probe(host: str, port: int, *, jump: Hop | None = None, deadline_s: float = CONNECT_S) -> HostKey:
    """The host key a server shows, without logging in: for a person to compare and confirm.

    Raises:
        Unreachable: as `connect`; its `server` is `host:port`.
        HostKeyError, LoginError: of a server on the way.
    """
    end = time.monotonic() + deadline_s
    server = ServerAddress(f"{host}:{port}", host, port, "", "", jump)
    way = _way(server, end)
    try:
        transport = _reach(server, way, end, pinned="")
        try:
            return host_key(transport.get_remote_server_key())
        finally:
            transport.end()
    finally:
        if way:
            way.close()


def _way(server: ServerAddress, end: float) -> Session | None:
    """A connection to the server in between, if there is one."""
    if server.jump is None:
        return None
    return connect(server.jump.address, server.jump.login, deadline_s=max(0.1, end - time.monotonic()))


def _reach(server: ServerAddress, way: Session | None, end: float, *, pinned: str) -> Transport:
    """Keys exchanged with `server`, over the server in between if there is one; that ends with a failure."""
    if way is None:
        return handshake(server.name, server.host, server.port, end, pinned=pinned)
    try:
        made = way.lead_to(server.name, server.host, server.port, end)
        return handshake(server.name, server.host, server.port, end, pinned=pinned, made=made)
    except BaseException:
        way.close()
        raise


def _recognise(server: ServerAddress, transport: Transport) -> None:
    seen = host_key(transport.get_remote_server_key())
    if not server.host_key:
        raise HostKeyError("host_key_unknown", server=server.name, got=seen.fingerprint)
    if seen.line.split() != server.host_key.split()[:2]:
        raise HostKeyError(server=server.name, expected=short(server.host_key), got=seen.fingerprint)


def _log_in(server: ServerAddress, login: Login, key: paramiko.PKey | None, transport: Transport, end: float) -> None:
    """Returns when the server lets us in."""
    accepts: list[str] = []
    was_refused = False
    for attempt in _attempts(server.user, login, key, transport):
        try:
            transport.auth_timeout = left(end)
            accepts = attempt()
            if not accepts:
                return
        except paramiko.BadAuthenticationType as error:
            accepts = error.allowed_types
        except LOST as error:
            is_answer = isinstance(error, paramiko.AuthenticationException) and transport.is_active()
            if time.monotonic() >= end - 0.05 or not (is_answer or was_refused):
                raise _no_answer(server, error) from error
            if not transport.is_active():
                break  # it has had enough of us
        was_refused = True
    kind = {KeyLogin: "key", PasswordLogin: "password", AgentLogin: "agent"}[type(login)]
    raise LoginError(server=server.name, user=server.user, kind=kind, accepts=", ".join(accepts))


def _attempts(
    user: str, login: Login, key: paramiko.PKey | None, transport: Transport
) -> Iterator[Callable[[], list[str]]]:
    """Each tells, when called, what else the server wants (nothing: we are in)."""
    match login:
        case PasswordLogin(password):
            yield lambda: _give_password(user, password, transport)
        case KeyLogin():
            if key is not None:
                yield lambda: _ask(transport, lambda auth, event: auth.auth_publickey(user, key, event))
        case AgentLogin():
            agent = paramiko.Agent()
            try:
                for it in agent.get_keys():
                    yield lambda it=it: _ask(  # type: ignore[misc]
                        transport, lambda auth, event: auth.auth_publickey(user, it, event)
                    )
            finally:
                agent.close()


def _give_password(user: str, password: str, transport: Transport) -> list[str]:
    """As a password or, where the server takes none as such, as the answer to its question."""
    try:
        return _ask(transport, lambda auth, event: auth.auth_password(user, password, event))
    except paramiko.BadAuthenticationType as error:
        if "keyboard-interactive" not in error.allowed_types:
            raise
    return _ask(
        transport,
        lambda auth, event: auth.auth_interactive(user, lambda _title, _text, asked: [password] * len(asked), event),
    )


class _Auth(AuthHandler):
    """paramiko's, but it asks for the service once: a strict server ends a connection that asks again."""

    transport: Transport

    def _request_auth(self) -> None:
        if not self.transport.is_service_accepted:
            super()._request_auth()  # type: ignore[misc]
            return
        accepted = paramiko.Message()
        accepted.add_string("ssh-userauth")
        accepted.rewind()
        self._parse_service_accept(accepted)

    def _parse_service_accept(self, message: paramiko.Message) -> None:
        self.transport.is_service_accepted = True
        super()._parse_service_accept(message)  # type: ignore[misc]


def _ask(transport: Transport, start: Callable[[_Auth, threading.Event], None]) -> list[str]:
    """One attempt to log in."""
    auth, event = _Auth(transport), threading.Event()
    transport.auth_handler = auth
    start(auth, event)
    return auth.wait_for_response(event)


def _no_answer(server: ServerAddress, error: BaseException) -> Unreachable:
    return Unreachable(
        server=server.name, host=server.host, port=server.port, detail=f"during the login: {detail(error)}"
    )
