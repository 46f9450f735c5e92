"""The script that lays a release out on a server, as a value: whole, or what another one lacks.

Needed there besides what `rules.remote` needs: coreutils, tar and gzip; findutils to make one release of another.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from .remote import (
    END_REMEMBERED_GROUP,
    IN_USE,
    RELEASE_MUTEX,
    REMEMBER_GROUP,
    STALE_BASE,
    TAKEN_OVER,
    WRONG_CONTENT,
    Fence,
    enter,
    holding,
    release_name,
    taking,
)

#: What `manifest.kinds_sum` is the sha256 of, once sorted.
KINDS_LISTING = (
    r"find . -mindepth 1 \( -type l -printf 'l %P//%l\0' \) -o \( -type f -perm -100 -printf 'x %P\0' \)"
    r" -o \( -type f -printf 'f %P\0' \) -o \( -type d -empty -printf 'd %P\0' \) -o ! -type d -printf '? %P\0'"
)


@dataclass(frozen=True, slots=True)
class BaseRelease:
    """A release from which another can be made. One that `is_spare` becomes it, else its files are linked."""

    name: str
    manifest_id: str
    is_spare: bool


def stage(
    path: str,
    name: str,
    manifest_id: str,
    kinds_sum: str,
    fence: Fence,
    shared_files: Sequence[str] = (),
    shared_folders: Sequence[str] = (),
    bases: Sequence[BaseRelease] = (),
    *,
    stands_alone: bool = False,
) -> str:
    """Unpack what comes on stdin, verify it, and only then let it appear as `releases/<name>`.

    Lines `not <base> <why>` tell which of `bases` will not do: it is `missing`, or `current` and was to be used up;
    `saw <checksum line>` tells of a file of the base that may have been touched. The first other line says what the
    sender does next: `have` (nothing: this release is there and complete), `full <zstd or gzip>` (send the artifact,
    compressed so), or send what a base lacks: `delta <base> <use or link> <zstd or gzip>`, `check …` (with the means
    to verify all of the base) or `ask …` (the same, unless all that was seen is right). The last line is `staged`.

    Each attempt has a folder of its own, so that what an earlier one still writes ends up nowhere. A release that
    `stands_alone` shares no file with its base: what is not sent is copied, because hooks will write into it.

    The artifact holds `tree/…` and at its very end `sums`, so one that was cut short has none. What comes is verified
    before a base is used up. Exits TAKEN_OVER, WRONG_CONTENT, STALE_BASE (send the whole artifact), IN_USE (the name
    is that of the current release, which has other content), or as a program failed.
    """
    release_name(name)
    links = "".join(_shared_file(shared_path(p)) for p in shared_files)
    links += "".join(_shared_folder(shared_path(p)) for p in shared_folders)
    judged = "".join(f"judge {release_name(it.name)} {it.manifest_id} {_WAYS[it.is_spare]}\n" for it in bases)
    return f"""\
{enter(path)}{taking(fence)}{END_REMEMBERED_GROUP}{REMEMBER_GROUP}\
R=releases/{name}; S=.stage.{name}.{fence}.$$
if [ "$(cat "$R.id" 2>/dev/null)" = {manifest_id} ] && [ -d "$R" ]; then echo have; exit 0; fi
if [ "$(readlink current || :)" = "$R" ]; then echo "$R is current, with other content" >&2; exit {IN_USE}; fi
trap 'status=$?; rm -rf -- "$S"; exit $status' EXIT
trap 'exit 143' TERM HUP INT
rm -rf -- .stage.{name}.*; mkdir -- "$S" "$S/tree"
if command -v zstd >/dev/null; then how=zstd; unpack='zstd -dcq'; else how=gzip; unpack='gzip -dc'; fi
if find . -maxdepth 0 -printf '' 2>/dev/null; then has_kinds=yes; else has_kinds=; fi
base=; verdict=full; way=
{f"{_JUDGE}{judged}{_LEAVE_TO_OTHERS}" if bases else ""}\
echo "$verdict${{base:+ $base $way}} $how"
$unpack | tar -xof - -C "$S"
[ -f "$S/sums" ] || {{ echo 'the upload was cut short' >&2; exit {WRONG_CONTENT}; }}
if [ -s "$S/sums" ]; then (cd "$S/tree" && sha256sum -c ../sums >"../verified" 2>&1) || {{
  grep -v ': OK$' "$S/verified" | tail -n 20 >&2; exit {WRONG_CONTENT}; }}
fi
{_made_of_base(fence, "cp -a --reflink=auto" if stands_alone else "cp -al") if bases else ""}\
if [ -n "$has_kinds" ]; then
  kinds=$(cd "$S/tree" && {KINDS_LISTING} | sort -z | sha256sum)
  [ "${{kinds%% *}}" = {kinds_sum} ] || {{ echo 'links, modes or folders differ' >&2; exit {WRONG_CONTENT}; }}
fi
{links}{holding(fence)}\
[ -d "$S/tree" ] || {{ echo 'a later attempt took its place' >&2; exit {TAKEN_OVER}; }}
rm -rf -- "$R" "$R.id" "$R.stamp"; mv -T -- "$S/tree" "$R"; : > "$R.stamp"
echo {manifest_id} | cat > "$S/id"; mv -T -- "$S/id" "$R.id"
echo staged
"""


_WAYS = {True: "use", False: "link"}

#: `judge NAME ID WAY` takes the first base that nobody touched, or of which only some files have another ctime (they
#: are told: linking and unlinking changes it too), or else the first that is there. A folder's ctime tells what came
#: and went in it.
_JUDGE = """\
judge() {
  [ -n "$has_kinds" ] || return 0
  case $verdict in delta|ask) return 0;; esac
  B=releases/$1
  if [ "$(cat "$B.id" 2>/dev/null)" != "$2" ] || [ ! -d "$B" ]; then echo "not $1 missing"; return 0; fi
  if [ "$3" = use ] && [ "$(readlink current || :)" = "$B" ]; then echo "not $1 current"; return 0; fi
  if [ -f "$B.stamp" ] && (cd "$B" && find . -cnewer "../$1.stamp" -print0) > "$S/touched" 2>/dev/null; then
    if [ ! -s "$S/touched" ]; then base=$1; verdict=delta; way=$3; return 0; fi
    if [ -z "$(find "$B" ! -type f -cnewer "$B.stamp" -print -quit)" ] &&
      [ "$(tr -cd '\\000' < "$S/touched" | wc -c)" -le 500 ]; then
      (cd "$B" && xargs -0 sha256sum --) < "$S/touched" | sed 's/^/saw /'
      base=$1; verdict=ask; way=$3; return 0
    fi
  fi
  [ -n "$base" ] || { base=$1; verdict=check; way=$3; }
}
"""

#: What somebody else wrote into a spare could not be removed from it.
_LEAVE_TO_OTHERS = """\
if [ "$verdict" = check ] && [ -n "$(find "releases/$base" ! -user "$(id -u)" -print -quit)" ]; then way=link; fi
"""


def _made_of_base(fence: Fence, copy: str) -> str:
    """Turn `$S/tree`, the changed part, into the whole tree; `copy` brings the rest where the base stays.

    Nothing is written in place: other releases may share the file. Linking and unlinking change the ctime of the
    base's files, so it gets a new stamp, unless it was touched before and is to be looked at again.
    """
    return f"""\
stale() {{ echo "$base cannot be used: $1" >&2; exit {STALE_BASE}; }}
if [ "$verdict" != full ]; then B=releases/$base
  if [ -f "$S/base-kinds" ]; then verdict=check; else verdict=delta; fi
  if [ "$verdict" = check ]; then
    (cd "$B" && sha256sum -c >/dev/null 2>&1) < "$S/base-sums" || [ ! -s "$S/base-sums" ] || stale 'files differ'
    (cd "$B" && {KINDS_LISTING} | sort -z) > "$S/kinds" && comm -z -23 "$S/base-kinds" "$S/kinds" > "$S/lacks" &&
      [ ! -s "$S/lacks" ] || stale 'links, modes or folders differ'
  fi
  if [ "$way" = use ]; then
{holding(fence)}\
    [ "$(readlink current || :)" != "$B" ] || stale 'it is current'
    rm -f -- "$B.id" "$B.stamp"; mv -T -- "$B" "$S/base"
{RELEASE_MUTEX}\
  else
    {copy} -- "$B" "$S/base" || stale 'it cannot be linked'
  fi
  (cd "$S/base" && xargs -0 rm -rf --) < "$S/delete"
  [ "$way$verdict" != linkdelta ] || : > "$B.stamp"
  cp -al -- "$S/tree/." "$S/base/" || stale 'changes cannot be linked'
  if [ "$verdict" = check ]; then
    (cd "$S/base" && find . -mindepth 1 -print0 | sort -z | comm -z -13 ../names - | xargs -0 rm -rf --)
  fi
  rm -rf -- "$S/tree"; mv -T -- "$S/base" "$S/tree"
fi
"""


def _link_to_shared(path: str) -> str:
    """`$link` -> `$shared`, relative, so that the environment's folder may be moved."""
    up = "../" * (path.count("/") + 2)
    return f'mkdir -p -- "$(dirname -- "$link")"; ln -s -- {shlex.quote(f"{up}shared/{path}")} "$link"\n'


def _names(path: str) -> str:
    quoted = shlex.quote(path)
    return f'shared=shared/{quoted}; link="$S/tree/"{quoted}; mkdir -p -- "$(dirname -- "$shared")"\n'


def _shared_file(path: str) -> str:
    """The release's own copy is the first content of the shared one; later it gives way to it."""
    return (
        _names(path)
        + '[ -e "$shared" ] || [ ! -f "$link" ] || mv -T -- "$link" "$shared"; rm -rf -- "$link"\n'
        + '[ -e "$shared" ] || echo "$PWD/$shared is not there yet" >&2\n'
        + _link_to_shared(path)
    )


def _shared_folder(path: str) -> str:
    return (
        _names(path)
        + '[ -e "$shared" ] || [ ! -d "$link" ] || mv -T -- "$link" "$shared"; rm -rf -- "$link"\n'
        + 'mkdir -p -- "$shared"\n'
        + _link_to_shared(path)
    )


def shared_path(path: str) -> str:
    """`path`, normalised: relative, below the release.

    Raises:
        ValueError: it is absolute, empty, or climbs.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in path:
        raise ValueError(f"not a path inside a release: {path!r}")
    return str(pure)
