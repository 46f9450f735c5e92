"""What runs on a server, as values: argv and POSIX sh scripts. Nothing here runs anything.

Layout below an environment's folder::

    releases/<name>/       a complete, verified release; nothing is ever half there
    releases/<name>.stamp  newer than anything in it, as long as nobody touches it
    releases/<name>.id     its manifest id, written last
    shared/                files and folders that outlive releases
    current                -> releases/<name>, changed by one rename(2)
    .stage.<name>.<fence>  a release on its way
    .lock/                 mutex, and two links whose targets are words: holder (the fence of whoever may act) and
                           group (the process group of what runs). A link takes no block, so a full disk can be left.

Needed there: sh, coreutils, findutils, tar, gzip, and util-linux's setsid and flock.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

Argv = tuple[str, ...]
#: argv, or the text of a POSIX sh script.
Command = Argv | str

_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

#: Exit statuses with a meaning of ours; the programs that scripts start do not use them.
TAKEN_OVER = 65
NO_RELEASE = 66
WRONG_CONTENT = 68
NOT_A_LINK = 69
BUSY = 70
IN_USE = 71
STALE_BASE = 72


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may act on an environment's folder: one deployment, in the epoch of one owner.

    Epochs of one environment rise with each owner, whatever the deployment: the greater one came later.
    """

    deployment: int
    epoch: int

    def __str__(self) -> str:
        return f"{self.deployment}.{self.epoch}"


def is_release_name(name: str) -> bool:
    """Whether `name` may be a folder below `releases/` (and stand in a script unquoted)."""
    return bool(_RELEASE.match(name)) and not name.endswith((".id", ".stamp"))


def release_name(name: str) -> str:
    """`name` itself.

    Raises:
        ValueError: it is not one, and might leave `releases/`.
    """
    if not is_release_name(name):
        raise ValueError(f"not a release name: {name!r}")
    return name


def shared_path(path: str) -> str:
    """`path`, normalised: relative, below the release.

    Raises:
        ValueError: it is absolute, empty, or climbs.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in path:
        raise ValueError(f"not a path inside a release: {path!r}")
    return str(pure)


# --- the wrapper around every command ---------------------------------------------------------------------------------


def wrapped(command: Command, mark: str, variables: Sequence[tuple[str, int]] = (), *, has_stdin: bool = False) -> str:
    """The one line for the server's login shell: runs `command` in a process group of its own.

    It first prints `<mark> <group>` to stdout, which tells what a login shell says from what the command says, and
    which group to kill. `variables` are names with the number of lines of each value; the values come as the first
    lines of stdin, because an argument list is readable by everybody on the server.
    """
    script = command if isinstance(command, str) else shlex.join(command)
    lines = [f"echo {mark} $$"]
    for name, count in variables:
        lines.append(f"IFS= read -r {name}")
        lines.extend([f'IFS= read -r _more; {name}="${name}\n$_more"'] * (count - 1))
        lines.append(f"export {name}")
    # An inner sh, and something after it: the leader then outlives what a signal kills and tells with which status.
    lines.append(f"sh -c {shlex.quote(script)}" + ("" if has_stdin else " </dev/null"))
    lines.append("exit $?")
    return f"exec setsid -w sh -c {shlex.quote(chr(10).join(lines))}"


def shell_line(script: str) -> str:
    """The line that has sh run `script`, whatever the login shell is."""
    return f"exec sh -c {shlex.quote(script)}"


def summary(command: Command) -> str:
    """A command in so few words that an error can name it."""
    text = command.strip() if isinstance(command, str) else shlex.join(command)
    first, _, more = text.partition("\n")
    return first[:120] + ("…" if more or len(first) > 120 else "")


def variable_lines(variables: Mapping[str, str]) -> tuple[list[tuple[str, int]], bytes]:
    """`variables` as `wrapped` wants them, and the bytes that go ahead on stdin.

    Raises:
        ValueError: a name that no shell can export, or a value with a NUL.
    """
    counts, text = [], []
    for name, value in variables.items():
        if not _VARIABLE.match(name) or "\0" in value:
            raise ValueError(f"not an environment variable: {name!r}")
        counts.append((name, value.count("\n") + 1))
        text.append(value + "\n")
    return counts, "".join(text).encode("utf-8", "surrogateescape")


def kill_group(group: int, grace_s: float = 2.0) -> str:
    """Ends a process group: TERM, `grace_s` seconds to comply, then KILL. Always exits 0."""
    return f"{_END_GROUP}end_group {group} {max(1, round(grace_s * 10))}\nexit 0"


#: `end_group GROUP TENTHS`. The dead whom nobody has buried yet (in a container, often nobody does) are not alive.
_END_GROUP = """\
is_alive() {
  kill -s 0 -- "-$1" 2>/dev/null || return 1
  [ -r /proc/self/stat ] || return 0
  for stat in /proc/[0-9]*/stat; do
    read -r line 2>/dev/null < "$stat" || continue
    set -- "$1" ${line##*) }
    [ "$4" != "$1" ] || [ "$2" = Z ] || return 0
  done
  return 1
}
end_group() {
  kill -s TERM -- "-$1" 2>/dev/null || :
  n=0; while [ $n -lt "$2" ] && is_alive "$1"; do n=$((n+1)); sleep 0.1; done
  kill -s KILL -- "-$1" 2>/dev/null || :
}
"""


# --- scripts in an environment's folder -------------------------------------------------------------------------------

_MUTEX = f"""\
exec 9>.lock/mutex
flock -w 10 9 || {{ echo "another command holds $PWD/.lock/mutex" >&2; exit {BUSY}; }}
"""

_RELEASE_MUTEX = "exec 9>&-\n"

#: `note NAME WORDS` keeps words below .lock, at once or not at all.
_NOTE = """\
note() { rm -f -- ".lock/$1.new"; ln -s -- "$2" ".lock/$1.new"; mv -T -- ".lock/$1.new" ".lock/$1"; }
"""

#: Start time and boot of a process: a number that was used again is not mistaken for the process that had it.
_BIRTH = """\
birth() {
  echo "$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)" \
    "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
}
"""

#: One owner does one thing at a time on a server, so what it left there was cut off from it and is begun again.
_END_REMEMBERED_GROUP = """\
was=$(readlink .lock/group || :)
if [ -n "$was" ] && [ "$(birth "${was%% *}")" = "${was#* }" ]; then end_group "${was%% *}" 20; fi
"""

#: The group's leader is the parent of the script (`wrapped`).
_REMEMBER_GROUP = 'note group "$PPID $(birth $PPID)"\n'


def _enter(path: str) -> str:
    quoted = shlex.quote(path)
    folders = f"mkdir -p -- {quoted}/releases {quoted}/.lock; cd -- {quoted}"
    return f"set -eu; umask 022; export LC_ALL=C\n{folders}\n{_BIRTH}{_NOTE}"


def _claim(fence: Fence) -> str:
    """Become the holder, unless a newer one has been here; end what an older one left running."""
    return f"""\
{_END_GROUP}{_MUTEX}held=$(readlink .lock/holder || :)
if [ -n "$held" ] && [ "${{held#*.}}" -gt {fence.epoch} ]; then
  echo "$held has taken over" >&2; exit {TAKEN_OVER}
fi
if [ "$held" != {fence} ]; then
{_END_REMEMBERED_GROUP}  note holder {fence}
fi
{_RELEASE_MUTEX}"""


def _hold(fence: Fence) -> str:
    """Go on under the mutex, as holder."""
    return f"""\
{_MUTEX}held=$(readlink .lock/holder || :)
[ "$held" = {fence} ] || {{ echo "held by ${{held:-nobody}}" >&2; exit {TAKEN_OVER}; }}
"""


def claim(path: str, fence: Fence) -> str:
    """Take an environment's folder, where no `stage` does it (a rollback). Exits TAKEN_OVER."""
    return _enter(path) + _claim(fence)


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
) -> str:
    """Unpack what comes on stdin, verify it, and only then let it appear as `releases/<name>`.

    Lines `not <base> <why>` tell which of `bases` will not do: it is `missing`, or `current` and was to be used up;
    `saw <checksum line>` tells of a file of the base that may have been touched. The first other line says what the
    sender does next: `have` (nothing: this release is there and complete), `full <zstd or gzip>` (send the artifact,
    compressed so), or send what a base lacks: `delta <base> <use or link> <zstd or gzip>`, `check …` (with the means
    to verify all of the base) or `ask …` (the same, unless all that was seen is right). The last line is `staged`.

    The artifact holds `tree/…` and at its very end `sums`, so one that was cut short has none. What comes is verified
    before a base is used up. Exits TAKEN_OVER, WRONG_CONTENT, STALE_BASE (send the whole artifact), IN_USE (the name
    is that of the current release, which has other content), or as a program failed.
    """
    release_name(name)
    links = "".join(_shared_file(shared_path(p)) for p in shared_files)
    links += "".join(_shared_folder(shared_path(p)) for p in shared_folders)
    judged = "".join(f"judge {release_name(it.name)} {it.manifest_id} {_WAYS[it.is_spare]}\n" for it in bases)
    return f"""\
{_enter(path)}{_claim(fence)}{_END_REMEMBERED_GROUP}{_REMEMBER_GROUP}\
R=releases/{name}; S=.stage.{name}.{fence}
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
{_made_of_base(fence) if bases else ""}\
if [ -n "$has_kinds" ]; then
  kinds=$(cd "$S/tree" && {KINDS_LISTING} | sort -z | sha256sum)
  [ "${{kinds%% *}}" = {kinds_sum} ] || {{ echo 'links, modes or folders differ' >&2; exit {WRONG_CONTENT}; }}
fi
{links}{_hold(fence)}\
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


def _made_of_base(fence: Fence) -> str:
    """Turn `$S/tree`, the changed part, into the whole tree.

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
{_hold(fence)}\
    [ "$(readlink current || :)" != "$B" ] || stale 'it is current'
    rm -f -- "$B.id" "$B.stamp"; mv -T -- "$B" "$S/base"
{_RELEASE_MUTEX}\
  else
    cp -al -- "$B" "$S/base" || stale 'it cannot be linked'
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


def switch(path: str, name: str, fence: Fence) -> str:
    """Make `releases/<name>` current in one rename(2); prints `was <name before>` (empty: none).

    Exits TAKEN_OVER, NO_RELEASE (not there, or not complete) or NOT_A_LINK (`current` is somebody's folder).
    """
    release_name(name)
    return f"""\
{_enter(path)}{_hold(fence)}\
[ -d releases/{name} ] && [ -f releases/{name}.id ] || {{ echo 'no such release' >&2; exit {NO_RELEASE}; }}
was=$(readlink current || :)
[ -n "$was" ] || [ ! -e current ] || {{ echo "$PWD/current is not a link" >&2; exit {NOT_A_LINK}; }}
rm -f -- .current.{fence}; ln -s releases/{name} .current.{fence}; mv -T -- .current.{fence} current
echo "was ${{was#releases/}}"
"""


def look(path: str) -> str:
    """Prints `current <name>` and, per complete release, `release <name> <manifest id>`, the newest first."""
    return f"""\
cd -- {shlex.quote(path)} 2>/dev/null || exit 0
current=$(readlink current || :); [ -z "$current" ] || echo "current ${{current#releases/}}"
ls -1t releases 2>/dev/null | while IFS= read -r name; do case $name in *.id)
  name=${{name%.id}}; [ ! -d "releases/$name" ] || echo "release $name $(cat "releases/$name.id")";;
esac; done
"""


def prune(path: str, keep: int, protect: Sequence[str], fence: Fence) -> str:
    """Remove all releases but the `keep` newest, the current one and `protect`; prints `removed <name>` for each.

    What a stage or a prune before it left behind goes too.
    """
    kept = " ".join(release_name(name) for name in protect)
    return f"""\
{_enter(path)}{_hold(fence)}\
current=$(readlink current || :); n=0
for id in $(ls -1t releases | grep '\\.id$'); do
  name=${{id%.id}}; n=$((n+1))
  [ $n -gt {max(1, keep)} ] && [ "releases/$name" != "$current" ] || continue
  case ' {kept} ' in *" $name "*) continue;; esac
  rm -f -- "releases/$id" "releases/$name.stamp"; echo "removed $name"
done
for folder in releases/*/; do
  folder=${{folder%/}}
  [ "$folder" != "$current" ] || continue
  [ -f "$folder.id" ] || [ ! -d "$folder" ] || mv -T -- "$folder" ".trash.${{folder#releases/}}"
done
{_RELEASE_MUTEX}rm -rf -- .trash.*
for left in .stage.*; do case $left in *.{fence}) ;; *) rm -rf -- "$left";; esac; done
"""


def in_folder(path: str, folder: str, command: str, fence: Fence) -> str:
    """A command of deploy.yml (restart, hook), in `current` or `releases/<name>` below the environment's folder."""
    return f"""\
cd -- {shlex.quote(path)} || exit 1
{_BIRTH}{_NOTE}{_END_GROUP}{_hold(fence)}{_END_REMEMBERED_GROUP}{_REMEMBER_GROUP}{_RELEASE_MUTEX}\
cd -P -- {shlex.quote(folder)} || exit {NO_RELEASE}
exec sh -c {shlex.quote(command)}
"""


#: What staging needs on a server; zstd is used where it is there.
NEEDED = ("tar", "gzip", "setsid", "flock", "sha256sum", "find")


def survey(paths: Sequence[str]) -> str:
    """Prints, as lines of fields with tabs between: `system`, `tool`, `lacks` and, for each of `paths`, `place`.

    A folder that is not there yet is judged by the nearest one above it.
    """
    lines = [
        "export LC_ALL=C",
        r'printf "system\t%s\n" "$(uname -sr)"',
        "for it in tar zstd; do command -v $it >/dev/null || continue",
        r"""printf 'tool\t%s\t%s\n' $it "$($it --version 2>&1 | head -n 1)"; done""",
        rf"for it in {' '.join(NEEDED)}; do command -v $it >/dev/null || printf 'lacks\t%s\n' $it; done",
    ]
    for number, path in enumerate(paths):
        lines += [
            f"at={shlex.quote(path if path.startswith('/') else f'./{path}')}",
            'while [ ! -e "$at" ]; do at=$(dirname -- "$at"); done',
            'if [ -w "$at" ]; then may=yes; else may=no; fi',
            'set -- $(df -Pk -- "$at" | tail -n 1)',
            rf'printf "place\t{number}\t%s\t%s\t%s\n" "$may" "$2" "$4"',
        ]
    lines.append("exit 0")
    return "\n".join(lines)
