"""The manifest of a tree: what each path is and holds. Pure; `reach.artifacts` reads trees, servers verify them.

Paths are bytes, as the file system has them: a name may hold a newline, or be no UTF-8 at all.
"""

import hashlib
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

#: `f` file, `fx` executable file, `l` link, `d` folder without content (other folders follow from their content).
KINDS = frozenset({b"f", b"fx", b"l", b"d"})

#: An unpacked manifest larger than this is no manifest of ours.
LIMIT_BYTES = 256 * 1024 * 1024


class ManifestError(ValueError):
    """Packed bytes that are not a manifest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`value` is a file's sha256 in hex, a link's target, and empty for a folder."""

    kind: bytes
    value: bytes


@dataclass(frozen=True)
class Manifest:
    """Entries by path, relative to the tree, without a leading `./`."""

    entries: Mapping[bytes, Entry]

    @cached_property
    def text(self) -> bytes:
        """NUL-separated `kind path value` triples, in the order of the paths' bytes."""
        return b"".join(b"%b\0%b\0%b\0" % (e.kind, path, e.value) for path, e in sorted(self.entries.items()))

    @cached_property
    def id(self) -> str:
        """The sha256 of `text`: two trees have it in common exactly when they are the same."""
        return hashlib.sha256(self.text).hexdigest()

    @cached_property
    def kinds_sum(self) -> str:
        """The sha256 (hex) of what `rules.layout.KINDS_LISTING` prints of the tree: names, kinds, targets, modes."""
        return hashlib.sha256(b"".join(b"%b\0" % line for line in kinds_lines(self))).hexdigest()

    @cached_property
    def folders(self) -> frozenset[bytes]:
        """All folders of the tree: those without content, and those that other entries lie in."""
        found: set[bytes] = set()
        for path, entry in self.entries.items():
            if entry.kind == b"d":
                found.add(path)
            above = os.path.dirname(path)
            while above and above not in found:
                found.add(above)
                above = os.path.dirname(above)
        return frozenset(found)

    @property
    def files(self) -> int:
        return sum(e.kind in (b"f", b"fx") for e in self.entries.values())

    def pack(self) -> bytes:
        """What a row keeps."""
        return zlib.compress(self.text, 6)


def unpack(packed: bytes) -> Manifest:
    """The manifest that `pack` packed.

    Raises:
        ManifestError: it is damaged, too large, or names a path twice or outside its tree.
    """
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(packed, LIMIT_BYTES)
    except zlib.error as error:
        raise ManifestError(str(error)) from error
    if not inflate.eof or inflate.unused_data:
        raise ManifestError("cut short, too large, or followed by something else")
    fields = text.split(b"\0")
    if fields.pop() or len(fields) % 3:
        raise ManifestError("not made of triples")
    entries: dict[bytes, Entry] = {}
    for kind, path, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=True):
        if kind not in KINDS or path in entries or not is_inside(path):
            raise ManifestError(f"not an entry: {kind!r} {path!r}")
        entries[path] = Entry(kind, value)
    return Manifest(entries)


def is_inside(path: bytes) -> bool:
    """Whether `path` is relative, normalised and stays in its tree."""
    return bool(path) and not any(part in (b"", b".", b"..") for part in path.split(b"/")) and b"\0" not in path


def leaves_tree(path: bytes, target: bytes) -> bool:
    """Whether the link `target` at `path` may point out of the tree.

    It may when it is absolute or climbs above the top, and also when it climbs after it descended: `a/..` is not
    where it looks to be if `a` is a link itself.
    """
    if target.startswith(b"/") or not target:
        return True
    parts = [part for part in target.split(b"/") if part not in (b"", b".")]
    climbs = parts.count(b"..")
    return climbs > path.count(b"/") or b".." in parts[climbs:]


def sums(manifest: Manifest) -> bytes:
    """The files' checksums, as `sha256sum -c` reads them in the tree's folder.

    A name with a newline or a backslash is escaped and its line starts with a backslash (coreutils manual, md5sum
    invocation). A carriage return is only escaped at the end, where newer coreutils would take it for the line's.
    """
    lines = []
    for path, entry in sorted(manifest.entries.items()):
        if entry.kind not in (b"f", b"fx"):
            continue
        name = b"./" + path
        escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        if escaped.endswith(b"\r"):
            escaped = escaped[:-1] + b"\\r"
        lines.append(b"%b%b  %b\n" % (b"\\" if escaped != name else b"", entry.value, escaped))
    return b"".join(lines)


def kinds_lines(manifest: Manifest) -> list[bytes]:
    """What `rules.layout.KINDS_LISTING` prints for the tree, sorted, without the NULs at the ends."""
    lines = [b"d " + path for path in manifest.folders]
    for path, entry in manifest.entries.items():
        if entry.kind == b"l":
            lines.append(b"l " + path + b"//" + entry.value)
        elif entry.kind != b"d":
            lines.append(entry.kind[-1:] + b" " + path)
    return sorted(lines)
