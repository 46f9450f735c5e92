"""What reads what comes from outside: each understands it or refuses it with a typed error, and does nothing else."""

import contextlib
import json
import zlib
from collections.abc import Callable

import bot
from bot import grammar
from bot.names import Context
from chatops.room.incoming import Incoming, Unfit
from deploy_core.errors import DeployError
from deploy_core.rules import manifest, pipeline

CONTEXT = Context(apps=("shop", "blog"), envs=("staging", "production"))


def frame(text: str) -> None:
    try:
        found = Incoming.parse(text)
    except Unfit:
        return
    for read in (found.stream, found.client_id, lambda: found.cursors("resume", 9), lambda: found.streams("want", 9)):
        with contextlib.suppress(Unfit):
            read()
    for name in ("room", "q", "after", "v"):
        with contextlib.suppress(Unfit):
            assert isinstance(found.number(name, 0), int)


def line(text: str) -> None:
    try:
        bot.is_command(text, "web")
        parsed = grammar.parse(text, CONTEXT, surface="web", room="demo")
    except DeployError:
        return
    if parsed is not None:
        assert json.dumps(parsed.as_json())


def deploy_file(text: str) -> None:
    with contextlib.suppress(DeployError):
        pipeline.for_environment(pipeline.parse(text), "staging")


def packed(raw: bytes) -> None:
    """A manifest as it is stored: what is read is packed as the same again."""
    try:
        found = manifest.unpack(raw)
    except manifest.ManifestError:
        return
    assert all(manifest.is_inside(path) for path in found.entries)
    assert manifest.unpack(found.pack()).entries == found.entries


#: For atheris, which makes bytes; it would never come upon zlib's checksums, so its manifests are packed here.
TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": lambda raw: frame(raw.decode(errors="replace")),
    "lines": lambda raw: line(raw.decode(errors="replace")),
    "deploy-files": lambda raw: deploy_file(raw.decode(errors="replace")),
    "manifests": lambda raw: packed(zlib.compress(raw)),
}
