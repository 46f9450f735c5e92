"""Deltas: what a release lacks of an artifact, as a small archive made once for all servers that have that release."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy_core.rules.delta import Delta
from deploy_core.rules.manifest import sums

from . import artifacts, packs, tar
from .artifacts import Artifact, Damaged
from .packs import Packed

_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Base:
    """A complete release on a server from which the next one can be made, and how they differ.

    One that `is_spare` would be dropped by pruning, so it may become the new release; else its files are linked.
    """

    name: str
    delta: Delta
    is_spare: bool


def packed(artifact: Artifact, base: Base, how: str, *, checks: bool) -> Packed:
    """The archive that makes the artifact of `base`, compressed by `zstd` or `gzip`; made by the first who asks.

    It holds `delete`, the changed part of `tree/…`, and at its end the `sums` of that part. With `checks` also
    `base-sums`, `base-kinds` and `names`, by which a server finds out whether the base is still what it was.

    Raises:
        Damaged: the artifact is not what its manifest says.
    """
    what = "checked" if checks else "plain"
    target = artifact.path.with_name(f"{artifact.path.name}.from.{base.delta.key}.{what}")
    if not target.exists():
        _make(artifact, base.delta, target, checks=checks)
    return packs.compressed(target, how)


def _make(artifact: Artifact, delta: Delta, target: Path, *, checks: bool) -> None:
    with packs.alone(target):
        if target.exists():
            return
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            _write(artifact, delta, part, checks=checks)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)


def _write(artifact: Artifact, delta: Delta, target: Path, *, checks: bool) -> None:
    wanted = dict(delta.changed.entries)
    with artifacts.opened(artifact) as whole, target.open("wb", buffering=_PIECE) as file:
        writer = tar.Writer(file)
        writer.file(b"delete", _list(delta.removed))
        if checks:
            writer.file(b"base-sums", sums(delta.there))
            writer.file(b"base-kinds", b"".join(b"%b\0" % line for line in delta.kinds))
            writer.file(b"names", _list(delta.names))
        writer.folder(b"tree")
        for member in artifacts.members(whole):
            path = member.name.removeprefix(b"tree/").rstrip(b"/")
            if path in wanted:
                if not tar.is_sound(whole, member) or artifacts.entry(member, whole) != wanted.pop(path):
                    raise Damaged(path)
                whole.seek(member.start)
                while left := member.end - whole.tell():
                    file.write(whole.read(min(left, _PIECE)))
        if wanted:
            raise Damaged(min(wanted))
        writer.file(b"sums", sums(delta.changed))
        writer.close()


def _list(paths: Sequence[bytes]) -> bytes:
    """As `find -print0` names them; sorted, because the paths are."""
    return b"".join(b"./%b\0" % path for path in paths)
