"""The shop's repository: real history, the same on every machine, and a shop that builds at every commit of it."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from chatops.demo import repository


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repository") / "shop.git"
    repository.make(path)
    return path


def git(shop: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(shop), *words], capture_output=True, text=True, check=True).stdout.strip()


def test_there_are_branches_tags_and_history(shop):
    names = git(shop, "for-each-ref", "--format=%(refname:short)").split()
    subjects = git(shop, "log", "--format=%s", "main").splitlines()

    assert names == ["broken", "feature/banner", "main", "v1.0.0", "v1.1.0"]
    assert subjects == ["Count the visits", "Show the prices", "Serve the front page"]
    assert git(shop, "config", "core.bare") == "true"


def test_every_machine_makes_the_same_commits(shop, tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text(
        "[user]\n\tname = Somebody\n[commit]\n\tgpgsign = true\n[core]\n\tautocrlf = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("TZ", "Asia/Shanghai")

    repository.make(tmp_path / "again.git")
    monkeypatch.undo()

    assert git(tmp_path / "again.git", "show-ref") == git(shop, "show-ref")
    assert git(shop, "log", "--format=%an <%ae>", "-1", "broken") == "Shop demo <demo@example.invalid>"


def test_a_repository_that_is_there_is_left_alone(shop):
    before = (stat.S_IMODE(shop.stat().st_mode), shop.stat().st_mtime_ns)

    repository.make(shop)

    assert (stat.S_IMODE(shop.stat().st_mode), shop.stat().st_mtime_ns) == before


@pytest.mark.parametrize("ref", ["v1.0.0", "v1.1.0", "main", "feature/banner", "broken"])
def test_the_shop_passes_its_own_tests_at(shop, ref, tmp_path):
    archive = subprocess.run(["git", "-C", str(shop), "archive", ref], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=archive, check=True)

    tests = subprocess.run(
        ["python3", "-B", "-m", "unittest", "discover", "-s", "tests"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )

    assert tests.returncode == 0, tests.stderr
    assert os.access(tmp_path / "bin" / "restart", os.X_OK)
