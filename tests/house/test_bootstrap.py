"""From nothing to installed: what `make` says when something is missing, and that it makes what it can."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import ROOT

#: A Python that believes to be old, until it hands over.
OLD = """#!/bin/sh
exec "{python}" -c 'import sys
sys.version_info = (3, 9, 18, "final", 0)
sys.argv = ["bootstrap"] + sys.argv[3:]
import runpy
runpy.run_module("chatops.bootstrap", run_name="__main__", alter_sys=True)' "$@"
"""
WITHOUT = """#!/bin/sh
exec "{python}" -c 'import sys
sys.modules["ensurepip"] = None
sys.argv = ["bootstrap"] + sys.argv[3:]
import runpy
runpy.run_module("chatops.bootstrap", run_name="__main__", alter_sys=True)' "$@"
"""


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The files that the bootstrap reads, with nothing to install; `bin/` is all of PATH but a shell."""
    home = tmp_path / "checkout"
    (home / "chatops").mkdir(parents=True)
    for name in ("Makefile", "chatops/__init__.py", "chatops/bootstrap.py"):
        shutil.copy(ROOT / name, home / name)
    (home / "requirements.txt").write_text("")
    (home / "manage.py").write_text("import sys\nprint('managed', *sys.argv[1:])\n")
    (tmp_path / "bin").mkdir()
    for name in ("git", "make", "sh", "env"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return home


def _put(checkout: Path, name: str, script: str) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    path = checkout.parent / "bin" / name
    path.write_text(script.format(python=python))
    path.chmod(0o755)


def _make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=checkout,
        env={"PATH": str(checkout.parent / "bin"), "HOME": str(checkout.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a person reads, without make's own verdict."""
    return [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]


def test_the_bootstrap_can_be_read_by_an_old_python():
    source = (ROOT / "chatops" / "bootstrap.py").read_text()

    assert ast.parse(source, feature_version=(3, 6))


def test_a_too_old_python_is_told_in_one_line(checkout):
    _put(checkout, "python3", OLD)

    done = _make(checkout, "setup")

    assert done.returncode == 2
    assert len(_lines(done)) == 1
    assert _lines(done)[0].startswith("Python 3.11 or newer is needed, found 3.9 (")


def test_a_too_old_python_hands_over_to_a_newer_one_on_path(checkout):
    _put(checkout, "python3", OLD)
    _put(checkout, "python3.13", "#!/bin/sh\nexit 127\n")  # a name that does not start
    _put(checkout, "python3.12", '#!/bin/sh\nexec "{python}" "$@"\n')

    done = _make(checkout, "PYTHON=python3", "no-such-verb")
    handed_over = subprocess.run(
        [str(checkout.parent / "bin" / "python3"), "-m", "chatops.bootstrap", "no-such-verb"],
        cwd=checkout,
        env={"PATH": str(checkout.parent / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert handed_over.stderr.startswith("Verbs: setup run")


def test_a_missing_python_is_told_in_one_line(checkout):
    done = _make(checkout, "setup")

    assert done.returncode == 2
    assert _lines(done) == ["Python 3.11 or newer is needed; python3 is not on PATH."]


def test_a_missing_git_is_told_in_one_line(checkout):
    _put(checkout, "python3", '#!/bin/sh\nexec "{python}" "$@"\n')
    (checkout.parent / "bin" / "git").unlink()

    done = _make(checkout, "setup")

    assert done.returncode == 2
    assert _lines(done) == ["git is needed: install it (apt install git, brew install git) and run this again."]


def test_a_missing_venv_module_is_told_in_one_line_and_leaves_nothing(checkout):
    _put(checkout, "python3", WITHOUT)

    done = _make(checkout, "setup")

    assert done.returncode == 2
    assert len(_lines(done)) == 1
    assert "apt install python3-venv" in _lines(done)[0]
    assert not (checkout / ".venv").exists()


def test_a_half_made_venv_is_made_anew_and_a_whole_one_is_kept(checkout):
    _put(checkout, "python3", '#!/bin/sh\nexec "{python}" "$@"\n')
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(os.devnull)

    first = _make(checkout, "setup")
    second = _make(checkout, "setup")
    run = _make(checkout, "run", "ARGS=--servers 40")

    assert first.returncode == 0, first.stderr
    assert "Making .venv" in first.stdout
    assert _lines(second) == ["managed assets", "managed migrate --verbosity 0"]
    assert _lines(run) == ["managed assets", "managed demo --servers 40"]
