"""A disk that can be filled: a small tmpfs, which only root may mount; for anybody else an ordinary folder."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "256k"


class SmallDisk:
    """`folder` is on it. One that is not real never gets full."""

    def __init__(self, folder: Path, *, is_real: bool) -> None:
        self.folder = folder
        self.is_real = is_real

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while self.is_real:
                file.write(bytes(4096))

    def free(self) -> None:
        (self.folder / "filler").unlink()


@contextmanager
def running(folder: Path) -> Iterator[SmallDisk]:
    """A small disk at `folder`, which is made."""
    folder.mkdir(parents=True)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "none", str(folder))
    is_real = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield SmallDisk(folder, is_real=is_real)
    finally:
        if is_real:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)
