"""Build commands on this machine: strangers' code, so apart from us as far as this machine allows."""

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy_core.errors import BuildError, Cancelled

from .connection import OUTPUT_LIMIT_BYTES, OnLine, last_lines, never
from .isolation import apart
from .lines import Output
from .masking import Masker

TURN_S = 0.1
#: For the kernel, to end a group that was killed.
KILL_S = 5.0
_PIECE = 64 * 1024
#: Carries the variables past the programs that make the place; no program but our own line reads it.
_VARIABLES = "SHIPROOM_BUILD_VARIABLES"


def run(
    commands: Sequence[str],
    folder: Path,
    *,
    variables: Mapping[str, str],
    on_line: OnLine,
    timeout_s: float,
    limit_bytes: int = OUTPUT_LIMIT_BYTES,
    stop: Callable[[], bool] = never,
    mask: Masker | None = None,
) -> None:
    """Run `commands` one after another in `folder`, each by `sh -e` in a process group of its own, without stdin.

    They see `variables`, a PATH, and a HOME and TMPDIR of their own that are gone afterwards; nothing of our
    environment. Each command is announced as a line of stream `m`. The limits are for all of them together.

    Raises:
        BuildError: `build_failed` (`command`, `exit_status`, `tail`), `build_timed_out` or `build_output_limit`.
        Cancelled: `stop` said so; the process group was killed.
    """
    end = time.monotonic() + timeout_s
    spent = 0
    with apart(folder) as place:
        for command in commands:
            on_line("m", "$ " + (mask or Masker()).text(command))
            process = subprocess.Popen(
                place.argv(("sh", "-e", "-c", f'eval "${_VARIABLES}"; unset {_VARIABLES}; {command}')),
                cwd=folder,
                env=place.environment() | {_VARIABLES: exports(variables)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            one = _Run(process, command, on_line, mask or Masker(), end, timeout_s, limit_bytes - spent, stop)
            try:
                spent += one.to_the_end()
            finally:
                one.end_group()


def exports(variables: Mapping[str, str]) -> str:
    """Shell text that sets `variables`. A repository names them, so they count only for what runs apart already:
    a PATH or an LD_PRELOAD of its own would else choose the program that takes our rights away.
    """
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


class _Run:
    """One command: both its outputs drained, its limits watched."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        command: str,
        on_line: OnLine,
        mask: Masker,
        end: float,
        timeout_s: float,
        limit_bytes: int,
        stop: Callable[[], bool],
    ) -> None:
        self._process, self._command, self._on_line = process, mask.text(command)[:200], on_line
        self._end, self._timeout_s, self._limit_bytes, self._stop = end, timeout_s, limit_bytes, stop
        self._outputs = {"o": Output(mask), "e": Output(mask)}

    def to_the_end(self) -> int:
        """The number of bytes it printed."""
        with selectors.DefaultSelector() as selector:
            for stream, pipe in (("o", self._process.stdout), ("e", self._process.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, stream)
            quiet_turns = 0
            while selector.get_map():
                ready = selector.select(TURN_S)
                for key, _ in ready:
                    data = os.read(key.fd, _PIECE)
                    if data:
                        self._emit(key.data, self._outputs[key.data].feed(data))
                    else:
                        selector.unregister(key.fileobj)
                self._check()
                # A process left behind may hold the pipes open; the command itself has ended and is silent.
                quiet_turns = 0 if ready or self._process.poll() is None else quiet_turns + 1
                if quiet_turns > 5:
                    break
        for stream, output in self._outputs.items():
            self._emit(stream, output.close())
        while self._process.poll() is None:
            self._check()
            time.sleep(TURN_S / 10)
        status = self._process.returncode
        if status:
            status = 128 - status if status < 0 else status
            raise BuildError(command=self._command, exit_status=status, tail=self._tail())
        return sum(output.size_bytes for output in self._outputs.values())

    def end_group(self) -> None:
        """End what it left running: a build leaves files, not processes."""
        end = time.monotonic() + KILL_S
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while _is_group_alive(self._process.pid) and time.monotonic() < end:
            time.sleep(TURN_S / 10)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _emit(self, stream: str, lines: list[str]) -> None:
        for line in lines:
            self._on_line(stream, line)

    def _tail(self) -> str:
        return last_lines(self._outputs["e"].tail or self._outputs["o"].tail)

    def _check(self) -> None:
        command = self._command
        if sum(output.size_bytes for output in self._outputs.values()) > self._limit_bytes:
            raise BuildError("build_output_limit", command=command, limit_bytes=self._limit_bytes, tail=self._tail())
        if time.monotonic() > self._end:
            raise BuildError("build_timed_out", command=command, seconds=self._timeout_s, tail=self._tail())
        if self._stop():
            raise Cancelled(command=command, tail=self._tail())


def _is_group_alive(group: int) -> bool:
    """Whether a process of `group` still runs; the dead whom nobody has buried yet do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text("utf-8", "replace").rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False
