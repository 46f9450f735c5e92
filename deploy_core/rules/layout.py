"""The script that lays a release out on a server, as a value: whole, or what another one lacks.

Needed there besides what `rules.remote` needs: coreutils, tar and gzip; findutils to make one release of another.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from .remote import (
    BEHIND_LINK,
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

#: What `Manifest.kinds_sum` is the sha256 of, once sorted: everything in a tree, folders too.
KINDS_LISTING = (
    r"find . -mindepth 1 \( -type l -printf 'l %P//%l\0' \) -o \( -type f -perm -100 -printf 'x %P\0' \)"
    r" -o -printf '%y %P\0'"
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
    """Verify and unpack what comes on stdin, and only when it is complete let it appear as `releases/<name>`.

    Lines `not <base> <why>` tell which of `bases` will not do: it is `missing`, or `current` and was to be used up;
    `saw <checksum line>` tells of a file of the base that may have been touched. The first other line says what the
    sender does next: `have` (nothing: this release is there and complete), `full <zstd or gzip> <b2sum or sha256sum>`
    (send the artifact, compressed and summed so), or send what a base lacks: `delta <base> <use or link> …`, `check …`
    (with the means to verify all of the base) or `ask …` (the same, unless all that was seen is right). The last line
    is `staged`.

    Each attempt has a folder of its own, so that what an earlier one still writes ends up nowhere. A release that
    `stands_alone` shares no file with its base: what is not sent is copied, because hooks will write into it.

    The sender begins with a line, the checksum of the archive that follows; nothing is unpacked that has another. The
    archive holds `tree/…` and at its very end `sums`. All of an artifact was compared with its manifest before it was
    sent; of a delta each file is summed here, before a base is used up. A base that nobody touched since it was there
    needs no second look; one that was touched does, and so does the listing of what becomes of it.

    Exits TAKEN_OVER, WRONG_CONTENT, STALE_BASE (send the whole artifact), IN_USE (the name is that of the current
    release, which has other content), BEHIND_LINK (of a shared path), or as a program failed.
    """
    release_name(name)
    links = "".join(_shared_file(shared_path(p)) for p in shared_files)
    links += "".join(_shared_folder(shared_path(p)) for p in shared_folders)
    judged = "".join(f"judge {release_name(it.name)} {it.manifest_id} {_WAYS[it.is_spare]}\n" for it in bases)
    return f"""\
{enter(path)}{taking(fence)}{REMEMBER_GROUP}\
R=releases/{name}; S=.stage.{name}.{fence}.$$
export TAR_OPTIONS=--blocking-factor=128
id=; [ ! -f "$R.id" ] || read -r id < "$R.id" || :
if [ "$id" = {manifest_id} ] && [ -d "$R" ]; then echo have; exit 0; fi
if [ "$(readlink current || :)" = "$R" ]; then echo "$R is current, with other content" >&2; exit {IN_USE}; fi
trap 'status=$?; rm -rf -- "$S"; exit $status' EXIT
trap 'exit 143' TERM HUP INT
for left in .stage.{name}.*; do [ ! -d "$left" ] || rm -rf -- "$left"; done; mkdir -- "$S"
if command -v zstd >/dev/null; then how=zstd; unpack='zstd -dcq'; else how=gzip; unpack='gzip -dc'; fi
if command -v b2sum >/dev/null; then summed=b2sum; else summed=sha256sum; fi
has_kinds() {{ find . -maxdepth 0 -printf '' 2>/dev/null; }}
base=; verdict=full; way=; touched=
{f"{_JUDGE}{judged}{_LEAVE_TO_OTHERS}" if bases else ""}\
echo "$verdict${{base:+ $base $way}} $how $summed"
IFS= read -r sum || sum=
cat > "$S/packed"; came=$($summed < "$S/packed")
[ "${{came%% *}}" = "$sum" ] || {{ echo 'the upload was cut short or damaged' >&2; exit {WRONG_CONTENT}; }}
$unpack < "$S/packed" | tar -xmof - -C "$S"
[ -f "$S/sums" ] || {{ echo 'the archive could not be unpacked whole' >&2; exit {WRONG_CONTENT}; }}
T=$S/tree
if [ "$verdict" != full ] && [ -s "$S/sums" ]; then (cd "$S/tree" && sha256sum -c ../sums >"../verified" 2>&1) || {{
  grep -v ': OK$' "$S/verified" | tail -n 20 >&2; exit {WRONG_CONTENT}; }}
fi
{_made_of_base(fence, "cp -a --reflink=auto" if stands_alone else "cp -al") if bases else ""}\
if [ -n "$touched" ]; then
  kinds=$(cd "$T" && {KINDS_LISTING} | sort -z | sha256sum)
  [ "${{kinds%% *}}" = {kinds_sum} ] || {{ echo 'links, modes or folders differ' >&2; exit {WRONG_CONTENT}; }}
fi
{_OWN if links else ""}{links}{holding(fence)}\
[ -d "$T" ] || {{ echo 'a later attempt took its place' >&2; exit {TAKEN_OVER}; }}
[ ! -d "$R" ] || rm -rf -- "$R" "$R.id" "$R.stamp"
mv -T -- "$T" "$R"; : > "$R.stamp"
echo {manifest_id} | cat > "$S/id"; mv -T -- "$S/id" "$R.id"
echo staged
"""


_WAYS = {True: "use", False: "link"}

#: `judge NAME ID WAY` takes the first base that nobody touched, or of which only some files have another ctime (they
#: are told: linking and unlinking changes it too), or else the first that is there. A folder's ctime tells what came
#: and went in it.
_JUDGE = """\
judge() {
  case $verdict in delta|ask) return 0;; esac
  has_kinds || return 0
  B=releases/$1; id=; [ ! -f "$B.id" ] || read -r id < "$B.id" || :
  if [ "$id" != "$2" ] || [ ! -d "$B" ]; then echo "not $1 missing"; return 0; fi
  if [ "$3" = use ] && [ "$(readlink current || :)" = "$B" ]; then echo "not $1 current"; return 0; fi
  if [ -f "$B.stamp" ] && (cd "$B" && find . -cnewer "../$1.stamp" -print0) > "$S/touched" 2>/dev/null; then
    if [ ! -s "$S/touched" ]; then base=$1; verdict=delta; way=$3; touched=; return 0; fi
    if [ -z "$(find "$B" ! -type f -cnewer "$B.stamp" -print -quit)" ] &&
      [ "$(tr -cd '\\000' < "$S/touched" | wc -c)" -le 500 ]; then
      (cd "$B" && xargs -0 sha256sum --) < "$S/touched" | sed 's/^/saw /'
      base=$1; verdict=ask; way=$3; touched=yes; return 0
    fi
  fi
  [ -n "$base" ] || { base=$1; verdict=check; way=$3; touched=yes; }
}
"""

#: What somebody else wrote into a spare could not be removed from it.
_LEAVE_TO_OTHERS = """\
if [ "$verdict" = check ] && [ -n "$(find "releases/$base" ! -user "$(id -u)" -print -quit)" ]; then way=link; fi
"""


def _made_of_base(fence: Fence, copy: str) -> str:
    """Make `$T` the whole tree, of a base and the changed part that came; `copy` brings the rest where the base stays.

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
  [ ! -s "$S/delete" ] || (cd "$S/base" && xargs -0 rm -rf --) < "$S/delete"
  [ "$way$verdict" != linkdelta ] || : > "$B.stamp"
  cp -al -- "$S/tree/." "$S/base/" || stale 'changes cannot be linked'
  T=$S/base
  if [ "$verdict" = check ]; then
    (cd "$T" && find . -mindepth 1 -print0 | sort -z | comm -z -13 ../names - | xargs -0 rm -rf --)
  fi
fi
"""


#: `own PATH FOLDER…`: what lies behind a link is not the release's own, and what is shared would be removed there.
_OWN = f"""\
own() {{
  it=$1; shift
  for folder in "$@"; do
    [ ! -L "$T/$folder" ] || {{ echo "$it lies in $folder, which is a link" >&2; exit {BEHIND_LINK}; }}
  done
}}
"""


def _link_to_shared(path: str) -> str:
    """`$link` -> `$shared`, relative, so that the environment's folder may be moved."""
    up = "../" * (path.count("/") + 2)
    return f'mkdir -p -- "$(dirname -- "$link")"; ln -s -- {shlex.quote(f"{up}shared/{path}")} "$link"\n'


def _names(path: str) -> str:
    quoted, above = shlex.quote(path), [str(folder) for folder in PurePosixPath(path).parents][:-1]
    own = f"own {shlex.join([path, *above])}\n" if above else ""
    return f'{own}shared=shared/{quoted}; link="$T/"{quoted}; mkdir -p -- "$(dirname -- "$shared")"\n'


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
