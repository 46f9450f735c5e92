"""What must travel to make one tree of another: pure, from two manifests.

Shared paths of the tree that is there are links by now, whatever its manifest says: they are taken for absent.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from .manifest import Manifest, kinds_lines


@dataclass(frozen=True)
class Delta:
    """From the release `base` of which `shared` paths lie elsewhere, to `new`."""

    base: Manifest
    new: Manifest
    shared: Sequence[bytes] = ()

    @property
    def key(self) -> str:
        """32 hex digits that name what the base's folder holds."""
        return hashlib.sha256(b"\0".join((self.base.id.encode(), *sorted(self.shared)))).hexdigest()[:32]

    @cached_property
    def there(self) -> Manifest:
        """What of the base is really in its folder."""
        tops = set(self.shared)
        entries = {
            path: entry for path, entry in self.base.entries.items() if tops.isdisjoint((path, *_folders_above(path)))
        }
        return Manifest(entries)

    @cached_property
    def changed(self) -> Manifest:
        """The entries that travel."""
        old = self.there.entries
        return Manifest({path: entry for path, entry in self.new.entries.items() if old.get(path) != entry})

    @property
    def files(self) -> int:
        """How many files travel."""
        return self.changed.files

    @property
    def is_worth_it(self) -> bool:
        """Whether at least half of the new tree is there already."""
        return 2 * len(self.changed.entries) <= len(self.new.entries)

    @cached_property
    def removed(self) -> list[bytes]:
        """What goes before the changed entries come: they replace nothing in place, so that no other link sees them."""
        new, changed = self.new.entries, self.changed.entries
        gone = {
            path for path, e in self.there.entries.items() if e.kind != b"d" and (path in changed or path not in new)
        }
        old_folders = self.there.folders | {above for path in self.shared for above in _folders_above(path)}
        return sorted(gone | set(self.shared) | (old_folders - self.new.folders))

    @property
    def names(self) -> list[bytes]:
        """Everything that the new tree has, folders too."""
        return sorted(self.new.entries.keys() | self.new.folders)

    @property
    def kinds(self) -> list[bytes]:
        """What `rules.layout.KINDS_LISTING` prints of the base, at least."""
        return kinds_lines(self.there)


def _folders_above(path: bytes) -> Iterator[bytes]:
    while path := os.path.dirname(path):
        yield path
