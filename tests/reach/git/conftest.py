"""Repositories with a work tree, and their mirrors."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import override_settings

from deploy_core.reach.git import Mirror


@pytest.fixture(autouse=True)
def _files_are_allowed(settings):
    settings.SHIPROOM_GIT_FILE_URLS = True


class Repository:
    """A repository with a work tree, driven by git itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            self.git("init", "-q", "-b", "main", str(path), inside=False)

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *argv: str, inside: bool = True, data: bytes | None = None) -> str:
        where = ["-C", str(self.path)] if inside else []
        own = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *where, *own, *argv], check=True, capture_output=True, env=environment, input=data
        )
        return done.stdout.decode().strip()

    def commit(self, subject: str = "Change", **files: str) -> str:
        for name, content in files.items():
            (self.path / name).write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, *entries: tuple[str, bytes, bytes]) -> str:
        """A commit on `main` with a tree no work tree could make: `(mode, name, content)`."""
        lines = b""
        for mode, name, content in entries:
            blob = self.git("hash-object", "-w", "--stdin", data=content) if mode != "040000" else content.decode()
            kind = b"tree" if mode == "040000" else b"blob"
            lines += mode.encode() + b" " + kind + b" " + blob.encode() + b"\t" + name + b"\0"
        tree = self.git("mktree", "-z", data=lines)
        commit = self.git("commit-tree", tree, "-m", "Odd tree")
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def tree(self, *entries: tuple[str, bytes, bytes]) -> bytes:
        self.commit_tree(*entries)
        return self.git("rev-parse", "main^{tree}").encode()


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A repository of one commit, and its mirror: copied, because making them is most of a test's time."""
    top = tmp_path_factory.mktemp("template")
    made = Repository(top / "origin")
    made.commit("First", file="one\n")
    with override_settings(SHIPROOM_GIT_FILE_URLS=True):
        Mirror(top / "mirrors/shop.git", made.url).fetch()
    return top


@pytest.fixture
def repository(template, tmp_path) -> Repository:
    shutil.copytree(template / "origin", tmp_path / "origin")
    return Repository(tmp_path / "origin")


@pytest.fixture
def mirror(template, repository, tmp_path) -> Mirror:
    shutil.copytree(template / "mirrors", tmp_path / "mirrors")
    return Mirror(tmp_path / "mirrors/shop.git", repository.url)
