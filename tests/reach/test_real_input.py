"""A real package of thousands of files goes through git onto three servers, and every file arrives.

`pytest tests/reach/test_real_input.py` (CONTRIBUTING.md) runs it alone. The source archive of Django is fetched from
the package index once and kept in pytest's cache.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django
import pytest

from deploy_core.reach import artifacts, ssh, staging
from deploy_core.reach.git import Mirror
from deploy_core.reach.staging import ReleaseSpec
from deploy_core.rules.remote import Fence
from tests.services import openssh
from tests.services.openssh import Sshd

PACKAGE = f"Django=={django.__version__}"
FENCE = Fence(1, 1)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder for tens of thousands of files: in memory where there is enough of it, as a slow disk is not tested."""
    memory = Path("/dev/shm")
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    with tempfile.TemporaryDirectory(prefix="shiproom-real-", dir=memory if is_roomy else None) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def source(request, room: Path) -> Path:
    """The unpacked source archive."""
    kept = request.config.cache.mkdir("source-archives")
    if not list(kept.glob("*.tar.gz")):
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run([*argv, "--dest", kept, PACKAGE], stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            pytest.fail(
                f"{PACKAGE} could not be fetched; this test needs the package index once.\n{done.stderr.decode()}"
            )
    top = room / "source"
    with tarfile.open(next(kept.glob("*.tar.gz"))) as archive:
        archive.extractall(top, filter="data")
    return next(top.iterdir())


@pytest.fixture(scope="module")
def repository(source: Path) -> str:
    """The address of a git repository that holds the source, as it is."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*argv: str) -> None:
        own = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com", "-c", "gc.auto=0"]
        subprocess.run(["git", "-C", source, *own, *argv], check=True, env=environment, stdin=subprocess.DEVNULL)

    git("init", "--quiet", "--initial-branch=main", "--template=")
    git("config", "pack.window", "0")  # looking for likenesses is most of a fetch's time, and not what is tested
    git("config", "core.compression", "1")
    (source / ".git/info").mkdir(exist_ok=True)
    (source / ".git/info/attributes").write_text("* -text\n")
    git("add", "--all", "--force")
    git("commit", "--quiet", "--message=Source archive")
    return f"file://{source}"


def sums_of(source: Path) -> dict[bytes, str]:
    """What must be on every server."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(source)):
        if b".git" in folders:
            folders.remove(b".git")
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, os.fsencode(source))] = hashlib.sha256(file.read()).hexdigest()
    return found


def sums_on(server: Sshd, folder: str) -> dict[bytes, str]:
    """What is on a server, by the server's own reckoning."""
    listing = f"{server.folder}/sums"
    with ssh.connect(server.address, server.key) as connection:
        connection.run(f"cd {folder} && find . -type f -exec sha256sum -z {{}} + > {listing}").check("sums")
        records = connection.get(listing).split(b"\0")
    return {record[68:]: record[:64].decode() for record in records if record}


def test_every_file_of_a_large_package_arrives_on_three_servers(repository, source, room, settings):
    settings.SHIPROOM_GIT_FILE_URLS = True
    mirror, tree = Mirror(room / "mirror.git", repository), room / "tree"
    tree.mkdir()

    mirror.fetch()
    revision = mirror.resolve("main")
    mirror.archive(revision.id, tree)
    artifact = artifacts.store(tree, room / "artifacts")

    def deploy(server: Sshd) -> str:
        path = f"{server.folder}/app"
        with ssh.connect(server.address, server.key) as connection:
            staging.stage(connection, ReleaseSpec(path, revision.id[:12], artifact, FENCE))
            staging.switch(connection, path, revision.id[:12], FENCE)
        return f"{path}/current/"

    with openssh.running(3, below=room) as servers, ThreadPoolExecutor(3) as threads:
        currents = list(threads.map(deploy, servers))
        expected = sums_of(source)

        assert len(expected) > 6_000
        for server, current in zip(servers, currents, strict=True):
            assert sums_on(server, current) == expected
