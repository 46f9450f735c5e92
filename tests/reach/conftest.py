"""Real servers for the tests of reach."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy_core.reach import ssh
from deploy_core.reach.connection import Connection
from tests.services import openssh
from tests.services.openssh import Sshd


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """One OpenSSH server."""
    with openssh.running() as servers:
        yield servers[0]


@pytest.fixture
def connection(sshd: Sshd) -> Iterator[Connection]:
    """A connection of its own for each test."""
    with ssh.connect(sshd.address, sshd.key) as it:
        yield it


@pytest.fixture
def place(sshd: Sshd) -> Path:
    """A path on the server that is not there yet."""
    return sshd.folder / uuid.uuid4().hex[:8]
