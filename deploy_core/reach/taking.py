"""A release taken back from a server that has it, verified as it was when it went there."""

import gzip
import shutil
from pathlib import Path
from typing import IO, cast

from deploy_core.errors import BuildError
from deploy_core.rules import taking
from deploy_core.rules.remote import Fence

from . import artifacts, tar
from .artifacts import TREE_LIMIT_BYTES, Artifact
from .connection import Connection

TAKE_S = 600.0


def take(
    connection: Connection, path: str, name: str, manifest_id: str, fence: Fence, *, work: Path, into: Path
) -> Artifact:
    """The artifact that the release `name` below `path` was made of, in the artifacts' folder `into`.

    `work` is an empty folder to work in. What a release shares with others is not in it, so that such a release
    cannot be taken back.

    Raises:
        BuildError: `artifact_lost`: what came is not the content of the manifest.
        ReachError: what the connection raised.
    """
    packed, tree = work / "taken.tar.gz", work / "taken"
    result = connection.run(taking.lay_out(path, name, fence), name="take", timeout_s=TAKE_S).check("take")
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
    except (tar.Refused, OSError, EOFError) as error:
        raise BuildError("artifact_lost", revision=name) from error
    built = artifacts.store(tree, into)
    shutil.rmtree(tree)
    packed.unlink()
    if built.manifest.id != manifest_id:
        raise BuildError("artifact_lost", revision=name)
    return built
