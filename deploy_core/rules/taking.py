"""What runs on a server to give a release back, as values: in pieces, so that nobody holds all of it in memory."""

import shlex

from .remote import NO_RELEASE, Fence, release_name

#: Bytes of a piece, compressed.
PIECE_BYTES = 8 * 1024 * 1024

#: Takes the names as they are, whatever they begin with.
_TAR = "tar --format=posix --null --verbatim-files-from --no-recursion -cf - -T -"


def folder(fence: Fence) -> str:
    """Where the pieces lie, below the environment's folder; a later `prune` would remove it too."""
    return f".stage.taken.{fence}"


def lay_out(path: str, name: str, fence: Fence) -> str:
    """Pack the release `name` and print the names of the pieces, in order. Exits NO_RELEASE."""
    release, pieces = f"releases/{release_name(name)}", folder(fence)
    return f"""\
set -eu; export LC_ALL=C
cd -- {shlex.quote(path)}
[ -d {release} ] && [ -f {release}.id ] || {{ echo 'no such release' >&2; exit {NO_RELEASE}; }}
rm -rf -- {pieces}; mkdir -- {pieces}
(cd {release} && find . -mindepth 1 -printf '%P\\0' | {_TAR}) | gzip -1 | split -b {PIECE_BYTES} -a 5 - {pieces}/piece.
ls {pieces}
"""


def clear(path: str, fence: Fence) -> str:
    """Remove the pieces."""
    return f"cd -- {shlex.quote(path)} && rm -rf -- {folder(fence)}\n"
