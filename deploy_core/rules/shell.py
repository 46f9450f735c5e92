"""Commands as values: argv or a POSIX sh script, the wrapper around each of them, and what ends one.

Needed on a server: sh, and util-linux's setsid.
"""

import re
import shlex
from collections.abc import Mapping, Sequence

Argv = tuple[str, ...]
#: argv, or the text of a POSIX sh script.
Command = Argv | str

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


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
    return f"{END_GROUP}end_group {group} {max(1, round(grace_s * 10))}\nexit 0"


#: `end_group GROUP TENTHS`. The dead whom nobody has buried yet (in a container, often nobody does) are not alive.
END_GROUP = """\
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
