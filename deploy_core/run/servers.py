"""The servers of one deployment, and one connection to each that all its steps share."""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from django.conf import settings

from deploy_core.errors import ConnectionLost, DeployError, ReachError
from deploy_core.models import Environment, Placement
from deploy_core.reach import credentials, ssh, staging
from deploy_core.reach.connection import Connection, Login, ServerAddress
from deploy_core.reach.masking import Masker
from deploy_core.reach.secrets import granted
from deploy_core.rules.remote import Fence

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A server, how to get in, and the variables that hold there (a port, say)."""

    server_id: int
    address: ServerAddress
    login: Login = field(repr=False)
    variables: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.address.name


def targets(
    environment: Environment, only: Collection[str] = (), *, skips_closed: bool = False
) -> tuple[tuple[Target, ...], Masker]:
    """The servers of `environment` in their order (of those called `only`, if any), and what hides their secrets.

    `skips_closed`: without those that nobody could enter, instead of raising what is wrong with them.

    Raises:
        ReachError: `jump_circle`: the way to a server leads through itself.
        SealError: a credential or secret was sealed with another key.
    """
    found = []
    known = granted(environment)
    secrets = [*known.builds.values(), *known.servers.values()]
    for placement in environment.placements.select_related("server__credential"):
        server = placement.server
        if only and server.name not in only:
            continue
        try:
            secrets += credentials.on_the_way(server)
            found.append(_target(environment, placement))
        except DeployError as error:
            if not skips_closed:
                raise
            logger.warning("%s is left as it is: %s", server.name, error)
    return tuple(found), Masker(secrets)


def _target(environment: Environment, placement: Placement) -> Target:
    server = placement.server
    variables = {**environment.variables, **server.variables, **placement.variables}
    return Target(
        server_id=server.pk,
        address=credentials.address(server),
        login=credentials.login(server.credential),
        variables={name: str(value) for name, value in variables.items()},
    )


class Site:
    """An environment's folder on its servers, held for one epoch of one deployment.

    It opens each connection once and keeps it for the next step. May be used from many threads; the use of one
    connection is one after the other.
    """

    def __init__(self, path: str, fence: Fence, found: tuple[Target, ...], mask: Masker) -> None:
        self.path = path
        self.fence = fence
        self.targets = found
        self._mask = mask
        self._open: dict[str, Connection] = {}
        self._claimed: set[str] = set()
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._is_closed = False

    def use(self, target: Target, act: Callable[[Connection], T], *, claims: bool = False, repeats: bool = True) -> T:
        """What `act` returns. One that loses its connection is done again on a new one, once, where it `repeats`.

        `claims`: the act takes the server's folder by itself; else that is done before, once.

        Raises:
            ReachError: what connecting or the act raised.
        """
        with self._lock(target):
            try:
                return self._act(target, act, claims)
            except ConnectionLost:
                self._drop(target)
                if not repeats:
                    raise
                return self._act(target, act, claims)

    def claim(self, target: Target) -> None:
        """Take the server's folder, if the server answers and nobody newer has it; end what an older owner left there.

        Else it is for the first step there to say so.
        """
        with contextlib.suppress(ReachError):
            self.use(target, lambda connection: None)

    def open_ahead(self, target: Target) -> None:
        """Connect now, so that the first step does not have to. A failure is that step's to tell."""
        with self._lock(target):
            try:
                self._connected(target)
            except ReachError:
                return

    def close(self) -> None:
        """End all connections, also those in use."""
        with self._guard:
            self._is_closed = True
            left = list(self._open.values())
            self._open.clear()
        for connection in left:
            connection.close()

    def _act(self, target: Target, act: Callable[[Connection], T], claims: bool) -> T:
        connection = self._connected(target)
        if not claims and target.name not in self._claimed:
            staging.claim(connection, self.path, self.fence)
        result = act(connection)
        self._claimed.add(target.name)
        return result

    def _connected(self, target: Target) -> Connection:
        connection = self._open.get(target.name)
        if connection is None:
            connection = ssh.connect(
                target.address, target.login, deadline_s=settings.CONNECT_TIMEOUT_S, mask=self._mask
            )
            with self._guard:
                if not self._is_closed:
                    self._open[target.name] = connection
            if self._is_closed:
                connection.close()
                raise ConnectionLost(server=target.name)
        return connection

    def _drop(self, target: Target) -> None:
        with self._guard:
            connection = self._open.pop(target.name, None)
        if connection is not None:
            connection.close()

    def _lock(self, target: Target) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(target.name, threading.Lock())
