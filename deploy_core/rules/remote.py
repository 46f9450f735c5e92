"""An environment's folder on a server: who holds it, what lies there. Scripts of POSIX sh, which nothing here runs.

`rules.layout` lays a release out there, `rules.taking` takes one back, `rules.shell` wraps each of these scripts.

Layout below an environment's folder::

    releases/<name>/       a complete, verified release; nothing is ever half there
    releases/<name>.stamp  newer than anything in it, as long as nobody touches it
    releases/<name>.id     its manifest id, written last
    shared/                files and folders that outlive releases
    current                -> releases/<name>, changed by one rename(2)
    .stage.<name>.<...>    a release on its way; after the name the fence and the number of the attempt's process
    .lock/                 mutex, and links whose targets are words: holder (the fence of whoever may act), group (the
                           process group of what runs) and done.<hook> (`Once`, for which it ran to its end).
                           A link takes no block, so a full disk can be left.

Needed there: sh, coreutils, findutils, tar, gzip, and util-linux's setsid and flock.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from .shell import END_GROUP

_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")

#: Exit statuses with a meaning of ours; the programs that scripts start do not use them.
TAKEN_OVER = 65
NO_RELEASE = 66
WRONG_CONTENT = 68
NOT_A_LINK = 69
BUSY = 70
IN_USE = 71
STALE_BASE = 72
BEHIND_LINK = 73


@dataclass(frozen=True, slots=True)
class Fence:
    """Who may act on an environment's folder: one deployment, in the epoch of one owner.

    Epochs of one environment rise with each owner, whatever the deployment: the greater one came later.
    """

    deployment: int
    epoch: int

    def __str__(self) -> str:
        return f"{self.deployment}.{self.epoch}"


@dataclass(frozen=True, slots=True)
class Once:
    """What a deployment runs to its end no second time: a hook by its name, and which deployment that is.

    Its number comes again after a restored backup, so it is told with the second in which it was asked for.
    """

    hook: str
    deployment: int
    asked: int

    def __str__(self) -> str:
        return f"{self.deployment}.{self.asked}"


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


# --- scripts in an environment's folder -------------------------------------------------------------------------------

_MUTEX = f"""\
exec 9>.lock/mutex
flock -w 10 9 || {{ echo "another command holds $PWD/.lock/mutex" >&2; exit {BUSY}; }}
"""

#: Ends what `holding` began.
RELEASE_MUTEX = "exec 9>&-\n"

# Each program that a script starts costs a server more than many lines that its shell reads: where the shell can do
# it, no program is started.

#: `note NAME WORDS` keeps words below .lock, at once or not at all.
_NOTE = """\
note() { ln -sfn -- "$2" ".lock/$1.new"; mv -T -- ".lock/$1.new" ".lock/$1"; }
"""

#: `birth GROUP` sets `born`, the start time and boot of a process: a number that was used again is not mistaken for
#: the process that had it.
_BIRTH = """\
birth() {
  born= boot=
  { read -r born < "/proc/$1/stat" && read -r boot < /proc/sys/kernel/random/boot_id; } 2>/dev/null || :
  set -- ${born##*) }
  born="${20-} $boot"
}
"""

#: One owner does one thing at a time on a server, so what it left there was cut off from it and is begun again.
_END_REMEMBERED_GROUP = """\
was=$(readlink .lock/group || :)
[ -z "$was" ] || birth "${was%% *}"
[ -z "$was" ] || [ "$born" != "${was#* }" ] || end_group "${was%% *}" 20
"""

#: The group's leader is the parent of the script (`wrapped`).
REMEMBER_GROUP = 'birth $PPID; note group "$PPID $born"\n'


def enter(path: str) -> str:
    """How every script that changes something begins."""
    quoted = shlex.quote(path)
    folders = f"{quoted}/releases {quoted}/.lock"
    return f"""\
set -eu; umask 022; export LC_ALL=C
for it in {folders}; do [ -d "$it" ] || mkdir -p -- {folders}; done; cd -- {quoted}
{_BIRTH}{_NOTE}"""


def taking(fence: Fence) -> str:
    """Become the holder, unless a newer one has been here; end what was left running."""
    return f"""\
{END_GROUP}{_MUTEX}held=$(readlink .lock/holder || :)
if [ -n "$held" ] && [ "${{held#*.}}" -gt {fence.epoch} ]; then
  echo "$held has taken over" >&2; exit {TAKEN_OVER}
fi
{_END_REMEMBERED_GROUP}[ "$held" = {fence} ] || note holder {fence}
{RELEASE_MUTEX}"""


def holding(fence: Fence) -> str:
    """Go on under the mutex, as holder."""
    return f"""\
{_MUTEX}held=$(readlink .lock/holder || :)
[ "$held" = {fence} ] || {{ echo "held by ${{held:-nobody}}" >&2; exit {TAKEN_OVER}; }}
"""


def claim(path: str, fence: Fence) -> str:
    """Take an environment's folder, where no `stage` does it (a rollback). Exits TAKEN_OVER."""
    return enter(path) + taking(fence)


def switch(path: str, name: str, fence: Fence) -> str:
    """Make `releases/<name>` current in one rename(2); prints `was <name before>` (empty: none).

    Exits TAKEN_OVER, NO_RELEASE (not there, or not complete) or NOT_A_LINK (`current` is somebody's folder).
    """
    release_name(name)
    return f"""\
{enter(path)}{holding(fence)}\
[ -d releases/{name} ] && [ -f releases/{name}.id ] || {{ echo 'no such release' >&2; exit {NO_RELEASE}; }}
was=$(readlink current || :)
[ -n "$was" ] || [ ! -e current ] || {{ echo "$PWD/current is not a link" >&2; exit {NOT_A_LINK}; }}
ln -sfn -- releases/{name} .current.{fence}; mv -T -- .current.{fence} current
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
    """Remove all releases but the `keep` newest, the current one and `protect`; prints `kept <name>` for each left.

    What a stage or a prune before it left behind goes too.
    """
    kept = " ".join(release_name(name) for name in protect)
    return f"""\
{enter(path)}{holding(fence)}\
current=$(readlink current || :); n=0
for id in $(ls -1t releases | grep '\\.id$'); do
  name=${{id%.id}}; n=$((n+1))
  [ $n -gt {max(1, keep)} ] && [ "releases/$name" != "$current" ] || continue
  case ' {kept} ' in *" $name "*) continue;; esac
  rm -f -- "releases/$id" "releases/$name.stamp"
done
for id in releases/*.id; do [ ! -f "$id" ] || {{ id=${{id#releases/}}; echo "kept ${{id%.id}}"; }}; done
for folder in releases/*/; do
  folder=${{folder%/}}
  [ "$folder" != "$current" ] || continue
  [ -f "$folder.id" ] || [ ! -d "$folder" ] || mv -T -- "$folder" ".trash.${{folder#releases/}}"
done
{RELEASE_MUTEX}rm -rf -- .trash.*
for left in .stage.*; do case $left in *.{fence}|*.{fence}.*) ;; *) rm -rf -- "$left";; esac; done
"""


def in_folder(path: str, folder: str, command: str, fence: Fence, once: Once | None = None) -> str:
    """A command of deploy.yml (restart, hook), in `current` or `releases/<name>` below the environment's folder.

    What came to its end with status 0 `once` is not run again.
    """
    done = f"done.{release_name(once.hook)}" if once else ""
    skip = f"""\
if [ "$(readlink .lock/{done} || :)" = {once} ]; then echo 'it ran to its end before' >&2; exit 0; fi
"""
    return f"""\
cd -- {shlex.quote(path)} || exit 1
{_BIRTH}{_NOTE}{END_GROUP}{holding(fence)}{_END_REMEMBERED_GROUP}{skip if once else ""}{REMEMBER_GROUP}{RELEASE_MUTEX}\
(cd -P -- {shlex.quote(folder)} || exit {NO_RELEASE}; exec sh -ec {shlex.quote(command)}); status=$?
{f"[ $status -ne 0 ] || note {done} {once}" if once else ""}
exit $status
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
