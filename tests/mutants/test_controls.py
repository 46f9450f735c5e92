"""Each control can be removed in one place, so that `make mutants` means something; it runs the tests without each."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import tracked
from tests.mutants.controls import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
IS_RUN = bool(os.environ.get("SHIPROOM_MUTANTS"))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_control_stands_in_one_place_and_the_code_without_it_is_code(name: str):
    mutant = MUTANTS[name]
    text = (ROOT / mutant.path).read_text()

    assert text.count(mutant.old) == 1
    compile(text.replace(mutant.old, mutant.new), mutant.path, "exec")
    for word in mutant.tests.split():
        assert not word.startswith("tests/") or (ROOT / word).exists()


def test_there_are_at_least_twelve():
    assert len(MUTANTS) >= 12


if IS_RUN:

    @pytest.fixture(scope="module")
    def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The tracked files, with the same Python; nothing of the checkout is touched."""
        folder = tmp_path_factory.mktemp("mutants") / "shiproom"
        for path in tracked():
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        return folder

    @pytest.mark.parametrize("name", MUTANTS)
    def test_without_a_control_a_test_fails(copy: Path, name: str):
        mutant = MUTANTS[name]
        path = copy / mutant.path
        whole = path.read_text()
        path.write_text(whole.replace(mutant.old, mutant.new))
        try:
            done = _run(copy, mutant)
        finally:
            path.write_text(whole)

        assert done.returncode == 1, f"nobody noticed: {name}\n{done.stdout[-2000:]}"

    def _run(copy: Path, mutant: Mutant) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SHIPROOM_", "PYTEST_"))}
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                *mutant.tests.split(),
            ],
            cwd=copy,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
