"""Artifacts: a built tree as one tar file, named by its manifest's id."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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


class Damaged(Exception):
    """The artifact's file does not hold what its manifest says; it prints as the first path that differs."""

    def __init__(self, path: bytes) -> None:
        super().__init__(shown(path))


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
        compare(artifact)
    except Damaged:
        artifact.path.unlink(missing_ok=True)
        return True
    return False


def compare(artifact: Artifact) -> None:
    """See that the archive holds what the manifest says, and nothing else.

    Raises:
        Damaged: it does not.
    """
    left = dict(artifact.manifest.entries)
    with opened(artifact, _PIECE) as file:
        for member in members(file):
            path = member.name.removeprefix(b"tree/").rstrip(b"/")
            if not tar.is_sound(file, member):
                raise Damaged(path)
            if member.name in (b"tree/", b"sums"):
                continue
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
        Damaged: naming the first whose size is none.
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
