"""One copy at a time, in the background: whoever holds the lock on `shop.pid` is the running one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

POLITE_S = 1
PATIENCE_S = 10


def replace(var: Path, listen: Callable[[], socketserver.BaseServer]) -> None:
    """Stop the running copy, listen, and return while a child process serves; its output goes to `var`/shop.log."""
    var.mkdir(exist_ok=True)
    pid_file = take_over(var / "shop.pid")
    server = listen()
    sys.stdout.flush()
    child = os.fork()
    if child:
        pid_file.seek(0)
        pid_file.truncate()
        pid_file.write(str(child))
        pid_file.flush()
        os._exit(0)
    os.setsid()
    os.chdir(var)
    log = os.open("shop.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    stop_with(os.environ.get("STOP_WITH_FD"))
    server.serve_forever()


def take_over(path: Path):
    """The locked pid file, once whoever held it has ended."""
    file = path.open("a+")
    began = time.monotonic()
    asked = 0
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began
            if waited > PATIENCE_S:
                sys.exit(f"The running copy does not stop: see {path}")
            asked = ask_to_stop(file, asked, signal.SIGTERM if waited < POLITE_S else signal.SIGKILL)
            time.sleep(0.01)
        else:
            return file


def ask_to_stop(file, asked: int, how: signal.Signals) -> int:
    """Send `how` to the process that the file names, once per kind; what was sent last."""
    file.seek(0)
    pid = file.read().strip()
    if asked == how or not pid:
        return asked
    with contextlib.suppress(ProcessLookupError):  # it ended between our look at the lock and now
        os.kill(int(pid), how)
    return how


def stop_with(descriptor: str | None) -> None:
    """End when the pipe whose read end is `descriptor` closes: whoever started this machine's programs is gone."""
    if not descriptor:
        return

    def watch() -> None:
        os.read(int(descriptor), 1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
