"""The process with the demo's SSH servers, seen from the one that starts it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from chatops.demo import orders
from chatops.demo.orders import Program, ServerOrder

ROOT = Path(__file__).resolve().parent.parent.parent
#: How long the servers may take to listen, and to leave.
STOP_S = 5.0


class Machines:
    """N SSH servers on loopback. They end with this object's `stop`, and with this process however it ends."""

    def __init__(self, servers: Sequence[ServerOrder], lock: IO[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatops.demo.sshd"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock.fileno(),),  # a flock is held until every holder of the descriptor is gone
            text=True,
        )
        answer = self.process.stdout.readline() if self._say(orders.as_line(servers)) and self.process.stdout else ""
        if not answer:
            self.process.wait()
            raise RuntimeError("The demo's SSH servers did not start; what they said stands above.")
        #: Where each server really listens; a taken port was replaced.
        self.ports: dict[str, int] = json.loads(answer)

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs on the servers, as a machine does when it boots."""
        self._say(orders.as_line(programs))

    def _say(self, line: str) -> bool:
        try:
            if self.process.stdin is not None:
                self.process.stdin.write(line)
                self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def stop(self) -> None:
        """Close the pipe; the servers take along what runs on them."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
