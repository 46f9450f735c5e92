"""New branches in the demo's repository, made by git as a person makes them."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.services.shiproom import Shiproom


def push(server: Shiproom, branch: str, subject: str, change: Callable[[Path], None], *, base: str = "main") -> None:
    """Push `branch`: `base` and one commit of what `change` does to a work tree."""
    with tempfile.TemporaryDirectory() as folder:

        def git(*words: str) -> None:
            who = ("-c", "user.name=Shop demo", "-c", "user.email=demo@example.invalid")
            subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

        git("clone", "--branch", base, str(server.data / "demo" / "shop.git"), ".")
        git("checkout", "-b", branch)
        change(Path(folder))
        git("add", "--all")
        git("commit", "--message", subject)
        git("push", "origin", branch)
