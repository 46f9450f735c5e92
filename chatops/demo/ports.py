"""Ports on loopback for the shop's copies, below those that the system hands out by itself."""

import errno
import socket
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

FIRST, LAST = 20_000, 31_999


def is_free(port: int) -> bool:
    """Whether a program could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return False
        return True


def free_ports(folder: Path, *, but: set[int]) -> Iterator[int]:
    """Free ports one after the other, none of `but`; a data folder of its own starts at a place of its own."""
    start = crc32(bytes(folder)) % (LAST - FIRST)
    for offset in range(LAST - FIRST):
        port = FIRST + (start + offset) % (LAST - FIRST)
        if port not in but and is_free(port):
            yield port
    raise RuntimeError(f"No port is free between {FIRST} and {LAST}.")
