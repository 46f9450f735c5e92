"""Releases to stage: an artifact of a few files, and what is said of where it goes."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy_core.reach import artifacts
from deploy_core.reach.artifacts import Artifact
from deploy_core.reach.staging import ReleaseSpec
from deploy_core.rules.remote import Fence
from tests.services import openssh
from tests.services.openssh import Sshd

FENCE = Fence(42, 1)


def artifact_of(folder: Path, **files: bytes) -> Artifact:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name, content in files.items():
        (tree / name).write_bytes(content)
    return artifacts.store(tree, folder / "artifacts")


def spec(place: Path, artifact: Artifact, name: str = "r1", fence: Fence = FENCE, **shared) -> ReleaseSpec:
    return ReleaseSpec(path=str(place), name=name, artifact=artifact, fence=fence, **shared)


def hidden(place: Path) -> list[str]:
    """What is on its way, or was left by the way."""
    return sorted(name for name in os.listdir(place) if name.startswith(".") and name != ".lock")


@contextmanager
def server_with_tools(tools: Path, more: str = "") -> Iterator[Sshd]:
    """A server whose programs are looked for in `tools` and `more`; the login may read them."""
    top = tools
    while top.parent.owner() == tools.owner() and top.parent != Path(tempfile.gettempdir()):
        top.chmod(top.stat().st_mode | 0o055)
        top = top.parent
    top.chmod(top.stat().st_mode | 0o055)
    with openssh.running(config=f"SetEnv PATH={tools}{more}") as [server]:
        yield server
