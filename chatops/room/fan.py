"""The same bytes to many sockets by one system call.

A `send` for each costs little more time, but after each of a thousand the thread has to get Python's lock back, and
whatever else runs in the process (a deployment, the storing of the next line) comes in between. Linux' `io_submit`
writes to all of them while the lock is free. A kernel that has none, or lets us have none, is told by `available`.
"""

import ctypes
import errno
import platform
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from socket import socket

#: io_setup, io_getevents, io_submit: the C library has no functions for them (Linux: syscalls(2)).
_CALLS = {"x86_64": (206, 208, 209), "aarch64": (0, 4, 2)}
#: The most writes of one call.
AT_ONCE = 1024
#: struct iocb (linux/aio_abi.h): number, unused, what to do, unused, file, where, how many; then offset and flags.
_BLOCK = struct.Struct("=QQHhIQQqQII")
_WRITE_PARTS = 8
#: struct io_event, in words of 8 bytes: number, block, result, unused.
_EVENT_WORDS = 4


class _Kernel:
    """A context for writes. They end before a call returns: sockets that do not block say at once what they took."""

    def __init__(self, setup: int, getevents: int, submit: int) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._getevents, self._submit = ctypes.c_long(getevents), ctypes.c_long(submit)
        self._context = ctypes.c_ulong(0)
        if self._call(ctypes.c_long(setup), ctypes.c_long(AT_ONCE), ctypes.byref(self._context)):
            raise OSError(ctypes.get_errno(), "io_setup")
        self._events = (ctypes.c_int64 * (_EVENT_WORDS * AT_ONCE))()
        self._results = memoryview(self._events).cast("B").cast("q")
        self._guard = threading.Lock()

    def write(self, blocks: int, count: int) -> list[tuple[int, int]]:
        """The number and result of each write whose block one of the `count` addresses at `blocks` points to.

        Those of a beginning only, if the kernel did not take them all; none, if it did not take the first.
        """
        with self._guard:
            taken = self._call(self._submit, self._context, ctypes.c_long(count), ctypes.c_void_p(blocks))
            done = 0
            while done < taken:
                left = ctypes.c_long(taken - done)
                where = ctypes.byref(self._events, done * _EVENT_WORDS * 8)
                found = self._call(self._getevents, self._context, left, left, where, None)
                if found < 0 and ctypes.get_errno() != errno.EINTR:
                    raise OSError(ctypes.get_errno(), "io_getevents")
                done += max(0, found)
            ours = self._results[: _EVENT_WORDS * done]
            return list(zip(ours[::_EVENT_WORDS].tolist(), ours[2::_EVENT_WORDS].tolist(), strict=True))


@cache
def _kernel() -> _Kernel | None:
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 2**32 else None
    try:
        return _Kernel(*calls) if calls else None
    except (OSError, AttributeError):
        return None


def available() -> bool:
    """Whether this kernel does it."""
    return _kernel() is not None


class Fan:
    """Sockets that do not block, which are told the same."""

    def __init__(self, sockets: Sequence[socket]) -> None:
        self._sockets = sockets
        self._files = [each.fileno() for each in sockets]
        self._part = (ctypes.c_size_t * 2)()  # struct iovec: where the bytes are, and how many; one for all
        where = ctypes.addressof(self._part)
        self._blocks = ctypes.create_string_buffer(
            b"".join(_BLOCK.pack(n, 0, _WRITE_PARTS, 0, max(0, file), where, 1, 0, 0, 0, 0)
                     for n, file in enumerate(self._files))
        )  # fmt: skip
        begin = ctypes.addressof(self._blocks)
        self._pointers = (ctypes.c_uint64 * len(sockets))(
            *range(begin, begin + _BLOCK.size * len(sockets), _BLOCK.size)
        )

    def stale(self) -> list[int]:
        """The places of sockets that were closed: their numbers may be those of other people's sockets by now."""
        now = [each.fileno() for each in self._sockets]
        return [] if now == self._files else [n for n, file in enumerate(self._files) if now[n] != file]

    def write(self, data: bytes, left_out: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Write `data` to all but the places that are left out (in order), and say of which not all bytes went out:
        the place, and how many did, or the error as a negative number.

        Raises:
            OSError: it is not available.
        """
        if (kernel := _kernel()) is None:
            raise OSError(errno.ENOSYS, "io_submit")
        self._part[:] = [ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0, len(data)]
        begin = ctypes.addressof(self._pointers)
        at = 0
        for end in (*left_out, len(self._sockets)):
            while at < end:
                told = kernel.write(begin + 8 * at, min(end - at, AT_ONCE))
                if not told:
                    yield at, -errno.EAGAIN
                    at += 1
                at += len(told)
                yield from ((place, result) for place, result in told if result != len(data))
            at = end + 1
