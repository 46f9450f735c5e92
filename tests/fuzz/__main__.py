"""`make fuzz`: everything that reads what comes from outside is fed with what nobody thought of, until time is up.

Each reader gets its time with atheris, which looks for input that goes where none went before; what it finds is kept in
var/fuzz and gone on from the next time. `hypothesis` is tests/proof/test_fuzz.py with new and many examples.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import seeds

ROOT = Path(__file__).resolve().parents[2]
HYPOTHESIS = "hypothesis"
TARGETS = ("frames", "lines", "deploy-files", "manifests")
EXAMPLES = "20000"


def main() -> int:
    asked = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    asked.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {HYPOTHESIS}, {', '.join(TARGETS)}; none: all")
    asked.add_argument("--seconds", type=int, default=60, help="for each target of atheris (60)")
    words = asked.parse_args()
    if unknown := set(words.targets) - {HYPOTHESIS, *TARGETS}:
        asked.error(f"no target is called {', '.join(sorted(unknown))}")
    failed = [name for name in words.targets or (HYPOTHESIS, *TARGETS) if not _is_well(name, words.seconds)]
    print(f"fuzz: {', '.join(failed)} failed" if failed else "fuzz: nothing was found")
    return 1 if failed else 0


def _is_well(name: str, seconds: int) -> bool:
    if name == HYPOTHESIS:
        many = os.environ | {"SHIPROOM_FUZZ": os.environ.get("SHIPROOM_FUZZ", EXAMPLES)}
        return _ends_well([sys.executable, "-m", "pytest", "tests/proof/test_fuzz.py", "-n", "2"], many)
    if find_spec("atheris") is None:
        print(f"fuzz: {name}: there is no atheris for this machine (requirements-fuzz.txt); Hypothesis alone is run")
        return True
    corpus = ROOT / "var" / "fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds.of(name):
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)  # as libFuzzer names them
    words = [str(corpus), f"-max_total_time={seconds}", "-timeout=10", "-verbosity=0", "-print_final_stats=1"]
    print(f"fuzz: {name} for {seconds} s", flush=True)
    settings = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    return _ends_well([sys.executable, "-m", "tests.fuzz.target", name, *words], settings)


def _ends_well(argv: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(argv, cwd=ROOT, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
