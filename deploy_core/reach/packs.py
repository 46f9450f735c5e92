"""Archives that are compressed once for all who take them, each with the checksum that it must have there."""

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from weakref import WeakValueDictionary

import zstandard

from . import artifacts
from .artifacts import Artifact

#: How long another process is waited for, and how often it is looked whether it is done.
ALONE_S = 60.0
_LOOK_S = 0.02
_PIECE = 1024 * 1024

_guard = threading.Lock()
#: Threads of this process wait for each other here, which costs them nothing; kept as long as somebody does.
_locks: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()


@dataclass(frozen=True)
class Packed:
    """A compressed archive, and the checksum (hex) that it must have where it arrives, by the program that tells it."""

    path: Path
    sums: Mapping[str, str]

    def preface(self, program: str) -> bytes:
        """What goes ahead of it (`rules.layout.stage`)."""
        return f"{self.sums[program]}\n".encode()


def packed(artifact: Artifact, how: str) -> Packed:
    """The artifact compressed by `zstd` or `gzip`, compared with its manifest by the first who asks and kept beside it.

    Raises:
        Damaged: it is not what the manifest says.
    """
    return compressed(artifact.path, how, lambda: artifacts.compare(artifact))


def compressed(source: Path, how: str, before: Callable[[], object] = lambda: None) -> Packed:
    """`source`, compressed once and kept beside it, after whoever does it has called `before`."""
    suffix, compress = {"zstd": (".zst", _zstd), "gzip": (".gz", _gzip)}[how]
    target = source.with_name(source.name + suffix)
    if found := _noted(target):
        return found
    with alone(target):
        if found := _noted(target):
            return found
        before()
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            sums = compress(source, part)
            _note(target).write_text(json.dumps(sums))
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
    return Packed(target, sums)


def drop_spoiled(artifact: Artifact) -> None:
    """Remove the compressed copies of an artifact that are not what they were; whoever asks next makes them anew."""
    for path in artifact.path.parent.glob(f"{artifact.path.name}*"):
        if path.suffix in (".zst", ".gz"):
            with alone(path), contextlib.suppress(FileNotFoundError):
                kept = _noted(path)
                with path.open("rb") as file:
                    if kept is None or kept.sums["sha256sum"] != hashlib.file_digest(file, "sha256").hexdigest():
                        path.unlink()


def _note(target: Path) -> Path:
    """Where the sums of a compressed file stand."""
    return target.with_name(target.name + ".sum")


def _noted(target: Path) -> Packed | None:
    """A compressed file that is there, with sums that can be read."""
    try:
        sums = json.loads(_note(target).read_text())
    except (FileNotFoundError, ValueError):
        return None
    is_whole = isinstance(sums, dict) and sums.keys() == {"b2sum", "sha256sum"}
    return Packed(target, sums) if is_whole and target.exists() else None


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """One at a time over threads and processes. The lock file stays: removing it would let a second one in.

    Another process is waited for no longer than `ALONE_S`: it may be frozen. What is done twice is only work.
    """
    with _guard:
        mine = _locks.setdefault(target, threading.Lock())
    with mine, target.with_name(target.name + ".lock").open("w") as lock:
        end = time.monotonic() + ALONE_S
        while not _is_taken(lock) and time.monotonic() < end:
            time.sleep(_LOOK_S)
        yield


def _is_taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Summing:
    """A file that sums what is written to it, as a server will: BLAKE2 takes it a third of the time, if it has that."""

    def __init__(self, file: IO[bytes]) -> None:
        self._blake2, self._sha256 = hashlib.blake2b(), hashlib.sha256()
        self._file = file

    @property
    def sums(self) -> dict[str, str]:
        return {"b2sum": self._blake2.hexdigest(), "sha256sum": self._sha256.hexdigest()}

    def write(self, data: bytes, /) -> int:
        self._blake2.update(data)
        self._sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _zstd(source: Path, target: Path) -> dict[str, str]:
    """The sums of what is in `target` then."""
    # By default its threads hold several pieces of 8 MB each, in and out: 85 MB.
    how = zstandard.ZstdCompressionParameters.from_level(3, threads=min(2, os.cpu_count() or 1), job_size=2 * 1024**2)
    compressor = zstandard.ZstdCompressor(compression_params=how)
    with source.open("rb") as read, target.open("wb") as file:
        write = _Summing(file)
        compressor.copy_stream(
            read, cast(IO[bytes], write), size=source.stat().st_size, read_size=_PIECE, write_size=_PIECE
        )
    return write.sums


def _gzip(source: Path, target: Path) -> dict[str, str]:
    """The sums of what is in `target` then."""
    with source.open("rb") as read, target.open("wb") as file:
        write = _Summing(file)
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=cast(IO[bytes], write), compresslevel=1, mtime=0
        ) as compressor:
            shutil.copyfileobj(read, compressor, _PIECE)
    return write.sums
