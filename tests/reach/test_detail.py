"""What is said of an exception of a connection: one line, and something."""

import errno

import paramiko
import pytest

from deploy_core.reach.ssh import transport


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "no answer in time"),
        (OSError(errno.ECONNREFUSED, "Connection refused"), "Connection refused"),
        (EOFError(), "the connection was closed"),
        (
            paramiko.SSHException("Error reading SSH protocol banner[Errno 104] Connection reset by peer"),
            "the connection was closed before a greeting came",
        ),
        (paramiko.SSHException("Error reading SSH protocol bannera banner without end"), "a banner without end"),
        (paramiko.SSHException("one\ntwo"), "one"),
        (paramiko.SSHException(), "SSHException"),
    ],
)
def test_it_is_one_line_for_people(error, said):
    assert transport.detail(error) == said
