"""Artifacts: a built tree as one tar file, named by its manifest's id, and compressed once for all who take it."""

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard

from deploy_core.errors import BuildError
from deploy_core.rules.manifest import Entry, Manifest, leaves_tree, sums
from deploy_core.rules.selection import Selection, selection

from . import tar

TREE_LIMIT_BYTES = 2 * 1024**3
#: A part that nobody wrote to for so long is nobody's: builds end sooner.
PART_S = 24 * 3600.0
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Artifact:
    """`path` is the tar file: `tree/…`, and `sums` at its end."""

    manifest: Manifest
    path: Path
    size_bytes: int


def store(
    tree: Path,
    folder: Path,
    *,
    include: Iterable[str] = ("**",),
    exclude: Iterable[str] = (),
    limit_bytes: int = TREE_LIMIT_BYTES,
) -> Artifact:
    """Pack `tree` into `folder/<manifest id>.tar`, reading each file once; the same tree is the same file.

    `include` and `exclude` are the patterns of deploy.yml's `package` (`rules.selection`).

    Raises:
        BuildError: `link_leaves_tree`, `odd_file` (a socket, a device) or `too_large`, each with its path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{secrets.token_hex(8)}.part"
    what = selection(include, exclude)
    entries: dict[bytes, Entry] = {}
    try:
        with part.open("wb", buffering=_PIECE) as file:
            writer = tar.Writer(file)
            writer.folder(b"tree")
            for path, entry in _walk(os.fsencode(tree), writer, what, limit_bytes):
                entries[path] = entry
            manifest = Manifest(entries)
            writer.file(b"sums", sums(manifest))
            writer.close()
            file.flush()
            size = file.tell()
        target = folder / f"{manifest.id}.tar"
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return Artifact(manifest, target, size)


def find(manifest: Manifest, folder: Path) -> Artifact | None:
    """The artifact of a manifest, if it is there."""
    path = folder / f"{manifest.id}.tar"
    return Artifact(manifest, path, path.stat().st_size) if path.exists() else None


@dataclass(frozen=True)
class Packed:
    """A compressed archive, and the checksum (hex) that it must have where it arrives, by the program that tells it."""

    path: Path
    sums: Mapping[str, str]

    def preface(self, program: str) -> bytes:
        """What goes ahead of it (`rules.layout.stage`)."""
        return f"{self.sums[program]}\n".encode()


class Damaged(Exception):
    """The artifact's file does not hold what its manifest says; it prints as the first path that differs."""

    def __init__(self, path: bytes) -> None:
        super().__init__(shown(path))


def packed(artifact: Artifact, how: str) -> Packed:
    """The artifact compressed by `zstd` or `gzip`, compared with its manifest by the first who asks and kept beside it.

    Raises:
        Damaged: it is not what the manifest says.
    """
    return compressed(artifact.path, how, lambda: _compare(artifact))


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


def clear_parts(folder: Path) -> int:
    """Remove what whoever began it did not finish within a day; how many."""
    begun = [path for path in folder.glob(".*.part") if _age_s(path) > PART_S]
    for path in begun:
        path.unlink(missing_ok=True)
    return len(begun)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # it has its name now
        return 0.0


def drop_damaged(artifact: Artifact) -> bool:
    """Remove the file if it does not hold what its manifest says, and say whether it did not."""
    try:
        _compare(artifact)
    except Damaged:
        artifact.path.unlink(missing_ok=True)
        return True
    return False


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


def _compare(artifact: Artifact) -> None:
    """See that the archive holds what the manifest says, and nothing else.

    Raises:
        Damaged: it does not.
    """
    left = dict(artifact.manifest.entries)
    with opened(artifact, _PIECE) as file:
        for member in members(file):
            if member.name in (b"tree/", b"sums"):
                continue
            path = member.name.removeprefix(b"tree/").rstrip(b"/")
            if left.pop(path, None) != entry(member, file):
                raise Damaged(path)
    if left:
        raise Damaged(min(left))


def opened(artifact: Artifact, buffer_bytes: int = -1) -> IO[bytes]:
    """The artifact's file, for reading.

    Raises:
        Damaged: it is gone: whoever found it damaged removed it.
    """
    try:
        return artifact.path.open("rb", buffering=buffer_bytes)
    except FileNotFoundError as error:
        raise Damaged(os.fsencode(artifact.path.name)) from error


def members(file: IO[bytes]) -> Iterator[tar.Member]:
    """The members of an artifact's file.

    Raises:
        Damaged: naming the first whose header is not what it was.
    """
    try:
        yield from tar.members(file)
    except tar.Refused as error:
        raise Damaged(error.path.removeprefix(b"tree/")) from error


def entry(member: tar.Member, file: IO[bytes]) -> Entry:
    """What the manifest of an archive says of a member; moves `file` to read its content."""
    match member.kind:
        case b"2":
            return Entry(b"l", member.target)
        case b"5":
            return Entry(b"d", b"")
    digest = hashlib.sha256()
    file.seek(member.content)
    unread = member.size
    while unread and (data := file.read(min(unread, _PIECE))):
        digest.update(data)
        unread -= len(data)
    return Entry(b"fx" if member.is_executable else b"f", digest.hexdigest().encode())


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


@contextlib.contextmanager
def alone(target: Path) -> Iterator[None]:
    """One at a time over threads and processes. The lock file stays: removing it would let a second one in."""
    with target.with_name(target.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _walk(top: bytes, writer: tar.Writer, what: Selection, limit_bytes: int) -> Iterator[tuple[bytes, Entry]]:
    """Writes every member and yields its entry; folders in the order of their names, so that the bytes repeat."""
    total = 0
    pending = [b""]
    while pending:
        folder = pending.pop()
        with os.scandir(top + b"/" + folder) as found:
            members = sorted(found, key=lambda member: member.name)
        below = []
        kept = 0
        for member in members:
            path = folder + b"/" + member.name if folder else member.name
            is_folder = member.is_dir(follow_symlinks=False)
            if what.excludes(path) or not (is_folder or what.includes(path)):
                continue
            kept += 1
            name = b"tree/" + path
            if member.is_symlink():
                target = os.readlink(member.path)
                if leaves_tree(path, target):
                    raise BuildError("link_leaves_tree", path=shown(path))
                writer.link(name, target)
                yield path, Entry(b"l", target)
            elif is_folder:
                below.append(path)
            elif member.is_file(follow_symlinks=False):
                entry, size = _file(member.path, name, writer)
                total += size
                if total > limit_bytes:
                    raise BuildError("too_large", path=shown(path), limit_bytes=limit_bytes)
                yield path, entry
            else:
                raise BuildError("odd_file", path=shown(path))
        if not kept and folder and what.includes(folder):
            writer.folder(b"tree/" + folder)
            yield folder, Entry(b"d", b"")
        pending.extend(reversed(below))


def _file(path: bytes, name: bytes, writer: tar.Writer) -> tuple[Entry, int]:
    """One reading serves checksum and archive; exactly the size that stood in the header is taken."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        status = os.fstat(handle)
        is_executable = bool(status.st_mode & 0o100)
        size = status.st_size
        if size <= _PIECE:
            data = os.read(handle, size) if size else b""
            if len(data) != size:
                raise BuildError("changed_while_packing", path=shown(name))
            digest = hashlib.sha256(data)
            writer.file(name, data, is_executable=is_executable)
        else:
            digest = hashlib.sha256()
            writer.start_file(name, size, is_executable=is_executable)
            left = size
            while left:
                data = os.read(handle, min(left, _PIECE))
                if not data:
                    raise BuildError("changed_while_packing", path=shown(name))
                digest.update(data)
                writer.piece(data)
                left -= len(data)
            writer.pad(size)
    finally:
        os.close(handle)
    return Entry(b"fx" if is_executable else b"f", digest.hexdigest().encode()), size


def shown(path: bytes) -> str:
    """A path in a sentence: what is no printable UTF-8 is escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
