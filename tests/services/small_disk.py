"""A disk that can be filled: a small tmpfs where this process may mount one (as root), else a `tar` that acts full."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "256k"
ACTING_TAR = """#!/bin/sh
case "$PWD" in {folder}*)
  if [ -e {filler} ]; then echo 'tar: ./tree: Cannot write: No space left on device' >&2; exit 2; fi
esac
exec {tar} "$@"
"""


class SmallDisk:
    """`folder` is on it; `tools` goes first on the PATH of whoever writes to it ("" for a real one)."""

    def __init__(self, folder: Path, tools: Path | None) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        self.tools = tools
        if tools is not None:
            tools.mkdir()
            text = ACTING_TAR.format(folder=folder, filler=self._filler, tar=shutil.which("tar"))
            (tools / "tar").write_text(text)
            (tools / "tar").chmod(0o755)

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while self.tools is None:
                file.write(bytes(4096))

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def running(folder: Path, tools: Path) -> Iterator[SmallDisk]:
    """A small disk at `folder`, which is made; `tools` is used where none can be mounted."""
    folder.mkdir(parents=True)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "none", str(folder))
    is_real = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield SmallDisk(folder, None if is_real else tools)
    finally:
        if is_real:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)
