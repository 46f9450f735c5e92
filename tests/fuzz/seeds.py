"""Where atheris begins: what tests/cases knows to be odd, and what is as it should be."""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy_core.rules.manifest import Entry, Manifest

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases"
#: `{x*N}`: x, N times. Here as often as a seed bears.
_REPEAT = re.compile(r"\{([^{}]+)\*\d+\}")
HELLO = '{"t":"hello","v":1,"client":"page","lang":"en","want":["room:1"],"resume":[{"s":"person:1","e":"a","q":7}]}'


def of(target: str) -> Iterator[bytes]:
    """The seeds of one of `readers.TARGETS`."""
    match target:
        case "frames":
            yield HELLO.encode()
            yield from (text.removeprefix("text: ").encode() for text in _bad_inputs("chat-frame"))
        case "lines":
            yield from (text.encode() for text in _bad_inputs("command"))
            phrases = (CASES / "phrases.tsv").read_text(encoding="utf-8").splitlines()
            yield from (line.partition("\t")[0].encode() for line in phrases)
        case "deploy-files":
            yield (ROOT / "deploy_core" / "rules" / "deploy.example.yml").read_bytes()
            yield from (text.encode() for text in _bad_inputs("repo-content"))
        case "manifests":
            digest = b"0" * 64
            tree = {b"a/b.txt": Entry(b"f", digest), b"bin/run": Entry(b"fx", digest), b"link": Entry(b"l", b"a/b.txt")}
            yield Manifest(tree).text
            yield b""


def _bad_inputs(area: str) -> Iterator[str]:
    for row in (CASES / "bad_inputs.tsv").read_text(encoding="utf-8").splitlines():
        cells = row.split("\t")
        if cells[0] == area:
            yield _REPEAT.sub(lambda found: found[1] * 40, cells[1])
