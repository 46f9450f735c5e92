"""A release taken back from a server that has it, verified as it was when it went there."""

import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from deploy_core.errors import BuildError
from deploy_core.rules import taking
from deploy_core.rules.manifest import Manifest
from deploy_core.rules.remote import Fence

from . import artifacts, tar
from .artifacts import TREE_LIMIT_BYTES, Artifact
from .connection import Connection

TAKE_S = 600.0


def _nothing(tree: Path) -> None:
    """There is nothing to add."""


def take(
    connection: Connection,
    path: str,
    name: str,
    manifest: Manifest,
    fence: Fence,
    *,
    work: Path,
    into: Path,
    shared: Sequence[str] = (),
    complete: Callable[[Path], None] = _nothing,
) -> Artifact:
    """The artifact that the release `name` below `path` was made of, in the artifacts' folder `into`.

    `work` is an empty folder to work in. What came to lie at the `shared` paths of the release is not in it any more:
    `complete` is given the tree without that, and adds it.

    Raises:
        BuildError: `artifact_lost`: what came is not the content of the manifest.
        ReachError: what the connection raised.
    """
    packed, tree = work / "taken.tar.gz", work / "taken"
    result = connection.run(taking.lay_out(path, name, fence, shared), name="take", timeout_s=TAKE_S).check("take")
    try:
        with packed.open("wb") as file:
            for piece in result.out_tail.split():
                file.write(connection.get(f"{path}/{taking.folder(fence)}/{piece}", limit_bytes=taking.PIECE_BYTES))
    finally:
        connection.run(taking.clear(path, fence), name="take")
    tree.mkdir()
    try:
        with gzip.open(packed) as plain:
            tar.unpack(cast(IO[bytes], plain), tree, limit_bytes=TREE_LIMIT_BYTES)
        complete(tree)
        for each in shared:
            _remove_empty(tree, Path(each).parent, manifest)
        built = artifacts.store(tree, into)
    except (tar.Refused, OSError, EOFError) as error:  # also of what somebody put in the place of a folder there
        raise BuildError("artifact_lost", revision=name) from error
    shutil.rmtree(tree)
    packed.unlink()
    if built.manifest.id != manifest.id:
        raise BuildError("artifact_lost", revision=name)
    return built


def _remove_empty(tree: Path, folder: Path, manifest: Manifest) -> None:
    """The folder of a link into `shared` was made for it, unless the artifact has one."""
    while folder.parts and os.fsencode(folder) not in manifest.folders:
        if (tree / folder).is_dir():
            if any((tree / folder).iterdir()):
                return
            (tree / folder).rmdir()
        folder = folder.parent
