"""What runs on a server to give a release back, as values: in pieces, so that nobody holds all of it in memory."""

import re
import shlex
from collections.abc import Sequence

from .layout import shared_path
from .remote import NO_RELEASE, Fence, release_name

#: Bytes of a piece, compressed.
PIECE_BYTES = 8 * 1024 * 1024

#: Takes the names as they are, whatever they begin with.
_TAR = "tar --format=posix --null --verbatim-files-from --no-recursion -cf - -T -"


def folder(fence: Fence) -> str:
    """Where the pieces lie, below the environment's folder; a later `prune` would remove it too."""
    return f".stage.taken.{fence}"


def lay_out(path: str, name: str, fence: Fence, shared: Sequence[str] = ()) -> str:
    """Pack the release `name`, but for its `shared` paths, and print the names of the pieces, in order.

    Exits NO_RELEASE.
    """
    release, pieces = f"releases/{release_name(name)}", folder(fence)
    links = " -o ".join(f"-path {shlex.quote('./' + _literally(shared_path(each)))}" for each in shared)
    but = f"\\( {links} \\) -prune -o " if links else ""
    return f"""\
set -eu; export LC_ALL=C
cd -- {shlex.quote(path)}
[ -d {release} ] && [ -f {release}.id ] || {{ echo 'no such release' >&2; exit {NO_RELEASE}; }}
rm -rf -- {pieces}; mkdir -- {pieces}
(cd {release} && find . -mindepth 1 {but}-printf '%P\\0' | {_TAR}) | gzip -1 |
  split -b {PIECE_BYTES} -a 5 - {pieces}/piece.
ls {pieces}
"""


def _literally(path: str) -> str:
    """A pattern of find that matches `path` and nothing else."""
    return re.sub(r"[*?[\\]", r"\\\g<0>", path)


def clear(path: str, fence: Fence) -> str:
    """Remove the pieces."""
    return f"cd -- {shlex.quote(path)} && rm -rf -- {folder(fence)}\n"
