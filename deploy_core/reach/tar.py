"""Tar, the two ways it is used here: writing a tree's artifact, and unpacking what `git archive` streams.

Python's tarfile is several times slower with thousands of small files, takes the time and owner of each file from the
disk, and follows what an archive says. This writes GNU format with nothing in it but names, modes and content, so the
same tree is the same bytes; and it refuses what leaves the folder.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from deploy_core.rules.manifest import is_inside, leaves_tree

BLOCK = 512
_LONG = b"././@LongLink"

#: Names that git itself would treat as its own folder on some file system (git's verify_path).
_GIT_FOLDERS = frozenset({b".git", b"git~1"})


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Writer:
    """Appends members in the order of the calls; `close` ends the archive."""

    def __init__(self, sink: Sink) -> None:
        self._write = sink.write

    def file(self, name: bytes, data: bytes, *, is_executable: bool = False) -> None:
        self._header(name, b"0", 0o755 if is_executable else 0o644, size=len(data))
        self._write(data)
        self._write(b"\0" * (-len(data) % BLOCK))

    def start_file(self, name: bytes, size: int, *, is_executable: bool) -> None:
        """A file whose `size` bytes follow as `piece`s, and then `pad`."""
        self._header(name, b"0", 0o755 if is_executable else 0o644, size=size)

    def piece(self, data: bytes) -> None:
        self._write(data)

    def pad(self, size: int) -> None:
        self._write(b"\0" * (-size % BLOCK))

    def link(self, name: bytes, target: bytes) -> None:
        self._header(name, b"2", 0o777, target=target)

    def folder(self, name: bytes) -> None:
        self._header(name + b"/", b"5", 0o755)

    def close(self) -> None:
        self._write(b"\0" * 2 * BLOCK)

    def _header(self, name: bytes, kind: bytes, mode: int, *, size: int = 0, target: bytes = b"") -> None:
        for letter, text in ((b"K", target), (b"L", name)):
            if len(text) > 100:
                self._write(_block(_LONG, letter, 0o644, len(text) + 1))
                self._write(text + b"\0" * (1 + -(len(text) + 1) % BLOCK))
        self._write(_block(name[:100], kind, mode, size, target[:100]))


def _block(name: bytes, kind: bytes, mode: int, size: int, target: bytes = b"") -> bytes:
    """A GNU header: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, kind 1, target 100, magic 8."""
    head = b"%-100b%07o\0%07o\0%07o\0%b%011o\0" % (name.ljust(100, b"\0"), mode, 0, 0, _number(size), 0)
    rest = kind + target.ljust(100, b"\0") + b"ustar  \0"
    checksum = sum(head) + 8 * 32 + sum(rest)
    return (head + b"%06o\0 " % checksum + rest).ljust(BLOCK, b"\0")


def _number(size: int) -> bytes:
    """Octal up to 8 GB, base-256 above (GNU)."""
    return b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")


# --- reading ----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """A member that must not be unpacked: `code`, and the `path` it is about."""

    def __init__(self, code: str, path: bytes) -> None:
        self.code, self.path = code, path
        super().__init__(code, path)


def unpack(stream: IO[bytes], folder: Path, *, limit_bytes: int) -> None:
    """Unpack a stream of `git archive` into the empty `folder`; names are taken byte for byte.

    Raises:
        Refused: `path_leaves_tree`, `link_leaves_tree`, `git_entry`, `too_large` or `archive_damaged`.
        OSError: the file system takes no such name, or no more content.
    """
    top = os.fsencode(folder) + b"/"
    made: set[bytes] = set()
    named: dict[bytes, bytes] = {}
    total = 0
    while header := _exactly(stream, BLOCK):
        if header == b"\0" * BLOCK:
            break
        kind = header[156:157]
        size = _size(header)
        if kind in b"xg":
            if size > 1024 * 1024:
                raise Refused("archive_damaged", b"")
            words = _pax(_content(stream, size))
            named = words if kind == b"x" else {}
            continue
        name = named.get(b"path") or _name(header)
        target = named.get(b"linkpath") or header[157:257].rstrip(b"\0")
        if b"size" in named:
            size = _decimal(named[b"size"])
        named = {}
        path = name.rstrip(b"/")
        _judge(path, kind, target)
        total += size
        if total > limit_bytes:
            raise Refused("too_large", path)
        try:
            _make_folders(top, path if kind == b"5" else os.path.dirname(path), made)
            if kind == b"2":
                os.symlink(target, top + path)
            elif kind != b"5":
                _write_file(stream, top + path, size, 0o755 if header[104:105] in b"1357" else 0o644)
        except FileExistsError as error:
            raise Refused("archive_damaged", path) from error


class Member(NamedTuple):
    """What a member is, and where in its archive: from `start` to `end` with its headers, its content `size` bytes."""

    name: bytes
    #: As in the header: `0` file, `2` link, `5` folder.
    kind: bytes
    is_executable: bool
    target: bytes
    start: int
    content: int
    size: int
    end: int


def members(file: IO[bytes]) -> Iterator[Member]:
    """The members of an archive that `Writer` wrote.

    Content is not read, checksums are not looked at (`is_sound`), and `file` may be moved meanwhile.

    Raises:
        Refused: `archive_damaged`: a size that is none.
    """
    start = at = 0
    long_name = long_target = b""
    while True:
        file.seek(at)
        header = file.read(BLOCK)
        if len(header) != BLOCK or header == b"\0" * BLOCK:
            return
        size = _size(header)
        kind = header[156:157]
        if kind == b"L":
            long_name = file.read(size).rstrip(b"\0")
        elif kind == b"K":
            long_target = file.read(size).rstrip(b"\0")
        content = at + BLOCK
        at = content + size + -size % BLOCK
        if kind not in (b"L", b"K"):
            name = long_name or header[:100].rstrip(b"\0")
            target = long_target or header[157:257].rstrip(b"\0")
            yield Member(name, kind, header[104:105] in b"1357", target, start, content, size, at)
            start, long_name, long_target = at, b"", b""


def is_sound(file: IO[bytes], member: Member) -> bool:
    """Whether the headers of a member have the checksums that tar will look for; moves `file`."""
    file.seek(member.start)
    headers = file.read(member.content - member.start)
    at = 0
    while at < len(headers):
        header = headers[at : at + BLOCK]
        if len(header) != BLOCK or not _is_header(header):
            return False
        size = _size(header) if header[156:157] in (b"L", b"K") else 0
        at += BLOCK + size + -size % BLOCK
    return True


def _is_header(header: bytes) -> bool:
    """Whether the checksum in a header is its own: the sum of its bytes, with blanks for the checksum (POSIX ustar)."""
    field = header[148:156]
    digits = field.rstrip(b"\0 ")
    # The low half of Adler-32 is that sum plus one, modulo a prime: an eighth of the time that `sum` takes.
    told = (zlib.adler32(header) & 0xFFFF) - 1 - sum(field) + 8 * 32
    return digits.isdigit() and (told - int(digits, 8)) % 65_521 == 0


def _judge(path: bytes, kind: bytes, target: bytes) -> None:
    if kind not in (b"0", b"\0", b"2", b"5") or b"\0" in target:
        raise Refused("archive_damaged", path)
    if not is_inside(path):
        raise Refused("path_leaves_tree", path)
    if any(part.lower().rstrip(b". ") in _GIT_FOLDERS for part in path.split(b"/")):
        raise Refused("git_entry", path)
    if kind == b"2" and leaves_tree(path, target):
        raise Refused("link_leaves_tree", path)


def _make_folders(top: bytes, folder: bytes, made: set[bytes]) -> None:
    """Every folder above a member is made here, so none is a link that an earlier member put there."""
    if not folder or folder in made:
        return
    _make_folders(top, os.path.dirname(folder), made)
    os.mkdir(top + folder, 0o755)
    made.add(folder)


def _write_file(stream: IO[bytes], path: bytes, size: int, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        left = size
        while left:
            piece = _exactly(stream, min(left, 1024 * 1024))
            if not piece:
                raise Refused("archive_damaged", path)
            left -= len(piece)
            while piece:
                piece = piece[os.write(handle, piece) :]
    finally:
        os.close(handle)
    _exactly(stream, -size % BLOCK)


def _content(stream: IO[bytes], size: int) -> bytes:
    data = _exactly(stream, size)
    _exactly(stream, -size % BLOCK)
    return data


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """`size` bytes, or none at the end of the stream."""
    data = stream.read(size) if size else b""
    if data and len(data) != size:
        raise Refused("archive_damaged", b"")
    return data


def _name(header: bytes) -> bytes:
    name = header[:100].rstrip(b"\0")
    prefix = header[345:500].rstrip(b"\0") if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _size(header: bytes) -> int:
    field = header[124:136]
    if field[0] & 0x80:
        return int.from_bytes(field[1:])
    try:
        return int(field.rstrip(b"\0 ") or b"0", 8)
    except ValueError as error:
        raise Refused("archive_damaged", b"") from error


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise Refused("archive_damaged", b"")
    return int(digits)


def _pax(data: bytes) -> dict[bytes, bytes]:
    """`<length> <word>=<value>\\n`, the length counting itself (POSIX pax)."""
    words = {}
    while data:
        digits, _, _ = data.partition(b" ")
        length = _decimal(digits)
        if not 0 < length <= len(data):
            raise Refused("archive_damaged", b"")
        word, _, value = data[len(digits) + 1 : length - 1].partition(b"=")
        words[word] = value
        data = data[length:]
    return words
