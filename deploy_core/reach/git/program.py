"""git as a program: started with fixed options and nothing of our environment, ended with all its helpers."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import git
from django.conf import settings

from deploy_core.errors import Cancelled, DeployError, GitError
from deploy_core.reach.artifacts import shown
from deploy_core.reach.connection import last_lines, never
from deploy_core.rules.repository import without_login

#: For everything that is answered from the mirror.
ASK_S = 60.0
TURN_S = 0.1

#: Options of every call: no hook, no helper, no maintenance in the background, no way to another place.
_SAFE = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "false"),
    ("protocol.version", "2"),
    # Without it `commits` and the reachability of a commit parse history: 85 ms instead of 30 with 10,000 commits.
    ("fetch.writeCommitGraph", "true"),
    ("fetch.unpackLimit", "1"),
)


class Program:
    """git on the bare repository at `path`; `url` is where it came from, for what goes wrong."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url

    def ask(
        self,
        *argv: str,
        end: float | None = None,
        stop: Callable[[], bool] = never,
        keep_open: int | None = None,
        is_inside: bool = True,
    ) -> bytes:
        """What git prints."""
        end = end or time.monotonic() + ASK_S
        process = self.start(*argv, keep_open=keep_open, is_inside=is_inside)
        try:
            while True:
                try:
                    out, complaint = process.communicate(timeout=TURN_S)
                    break
                except subprocess.TimeoutExpired:
                    self.check(end, stop)
        finally:
            end_of(process)
        if process.returncode:
            raise self.failed(argv[0], complaint)
        return out

    def start(self, *argv: str, keep_open: int | None = None, is_inside: bool = True) -> "subprocess.Popen[bytes]":
        """git in a session of its own (its helpers end with it), with nothing of our environment but what is here."""
        allowed = "https:ssh:file" if settings.SHIPROOM_GIT_FILE_URLS else "https:ssh"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/nonexistent"),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": allowed,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15",
        }
        environment |= {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
        where = ("--git-dir=" + str(self.path),) if is_inside else ()
        safe = tuple(word for name, value in _SAFE for word in ("-c", f"{name}={value}"))
        words = tuple(f"{name}={value}" for name, value in environment.items())
        started = git.Git().execute(
            ["env", "-i", *words, "git", *where, *safe, *argv],
            as_process=True,
            start_new_session=True,
            pass_fds=(keep_open,) if keep_open is not None else (),
        )
        process = started.proc
        started.proc = None  # or it would kill git as soon as nobody holds it
        if process is None:
            raise GitError("git_failed", repository=without_login(self.url), detail="git did not start")
        return process

    @contextlib.contextmanager
    def within(self, process: "subprocess.Popen[bytes]", end: float, stop: Callable[[], bool]) -> Iterator[None]:
        """Kill git when its time is over or `stop` says so, while we read what it prints; it has ended afterwards.

        Raises:
            GitError: `git_timed_out`.
            Cancelled: what else its half an answer led to is no news then.
        """
        cut: list[DeployError] = []
        is_read = threading.Event()

        def watch() -> None:
            try:
                self.check(end, stop)
                while not is_read.wait(TURN_S):
                    self.check(end, stop)
            except DeployError as error:
                cut.append(error)
                kill(process)

        watcher = threading.Thread(target=watch, name="git-watch", daemon=True)
        watcher.start()
        fault: Exception | None = None
        try:
            yield
        except Exception as error:
            fault = error
        finally:
            is_read.set()
            watcher.join()
            end_of(process)
        if cut:
            raise cut[0] from fault
        if fault:
            raise fault

    def check(self, end: float, stop: Callable[[], bool]) -> None:
        if time.monotonic() > end:
            raise GitError("git_timed_out", repository=without_login(self.url))
        if stop():
            raise Cancelled(command="fetch")

    def failed(self, verb: str, complaint: bytes) -> GitError:
        # git refuses some trees itself, before we see them.
        if found := re.search(rb"invalid path '(.*)'", complaint):
            return GitError("git_entry", path=shown(found[1]))
        said = without_login(last_lines(complaint.decode("utf-8", "replace"), 5, 500))
        code = "git_unreachable" if verb == "fetch" else "git_failed"
        return GitError(code, repository=without_login(self.url), detail=said)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill git and its helpers, if they still run."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def end_of(process: "subprocess.Popen[bytes]") -> None:
    """Kill git and its helpers, if they still run, and collect them."""
    kill(process)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
