"""Whether what lies on a server is what was sent there: the script that looks, and what its lines mean. Pure."""

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .manifest import Entry, Manifest
from .remote import release_name

#: So many names of each kind are kept; all are counted.
NAMES_KEPT = 20


@dataclass
class Drift:
    """`runs`: the release that is current instead ("-": none), else "". `changed`: files and links that differ.

    `more` counts files that the release did not bring: an app may write such files; it is for people to judge.
    """

    runs: str = ""
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    changes: int = 0
    more: int = 0

    @property
    def is_true(self) -> bool:
        """Whether the release is current and all it brought is as it was."""
        return not self.runs and not self.changes

    def note(self, kind: list[str], name: str) -> None:
        self.changes += 1
        if len(kind) < NAMES_KEPT:
            kind.append(name)


def script(path: str, name: str) -> str:
    """Reads checksums from stdin; changes nothing. Prints `runs …`, or `wrong …`, `link …` and last `files <count>`."""
    return f"""\
export LC_ALL=C
cd -- {shlex.quote(path)} 2>/dev/null || {{ echo 'runs -'; exit 0; }}
at=$(readlink current || :)
[ "$at" = releases/{release_name(name)} ] || {{ at=${{at#releases/}}; echo "runs ${{at:--}}"; exit 0; }}
cd -- releases/{name} || {{ echo 'runs -'; exit 0; }}
sha256sum -c --quiet - 2>/dev/null | sed 's/^/wrong /'
find . -type l -printf 'link %P//%l\\n'
echo "files $(find . -type f -print0 | tr -cd '\\000' | wc -c)"
"""


def own(manifest: Manifest, shared: Sequence[str]) -> Manifest:
    """What of a release stays its own on a server: all but what its shared paths replace by links."""
    tops = tuple(os.fsencode(path) for path in shared)
    kept: dict[bytes, Entry] = {
        path: entry
        for path, entry in manifest.entries.items()
        if not any(path == top or path.startswith(top + b"/") for top in tops)
    }
    return Manifest(kept)


def read(lines: Iterable[str], manifest: Manifest) -> Drift:
    """What the script's lines say about a release of (its own) `manifest`.

    Raises:
        ValueError: they end too early.
    """
    found = Drift()
    links = {
        f"{os.fsdecode(path)}//{os.fsdecode(entry.value)}": os.fsdecode(path)
        for path, entry in manifest.entries.items()
        if entry.kind == b"l" and b"\n" not in path + entry.value
    }
    there: int | None = None
    absent = 0
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "runs":
            found.runs = rest
            return found
        if word == "link":
            links.pop(rest, None)
        elif word == "files":
            there = int(rest)
        elif word == "wrong":
            name, _, why = rest.rpartition(": ")
            name = name.removeprefix("\\").removeprefix("./")
            is_absent = "open" in why  # "FAILED open or read"
            absent += is_absent
            found.note(found.missing if is_absent else found.changed, name)
    if there is None:
        raise ValueError("the server told no number of files")
    for path in links.values():
        found.note(found.changed, path)
    found.more = max(0, there - (manifest.files - absent))
    return found
