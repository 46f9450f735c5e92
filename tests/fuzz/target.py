"""One reader under atheris: `python -m tests.fuzz.target NAME FOLDER OPTIONS`; its first fault ends it."""

import sys
from pathlib import Path

import atheris
import django

import tests.settings  # noqa: F401  a data folder of its own, before Django reads any

with atheris.instrument_imports(include=["bot", "chatops.room.incoming", "deploy_core.rules"]):
    django.setup()
    from tests.fuzz.readers import TARGETS


def main(name: str, folder: str, *options: str) -> None:
    """Fuzz until the options say that it is enough; what is found to be new stays in `folder`."""
    corpus = Path(folder)
    atheris.Setup(["fuzz", f"-artifact_prefix={corpus.parent}/{name}-", "-max_len=4096", *options, str(corpus)],
                  TARGETS[name])  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
