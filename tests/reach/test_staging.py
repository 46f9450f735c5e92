"""Releases on a real server: staged, verified, switched, pruned, and what goes wrong in between."""

import os
import shutil
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from deploy_core.errors import CommandFailed, ReachError
from deploy_core.reach import artifacts, packs, ssh, staging
from deploy_core.reach.artifacts import Artifact
from deploy_core.reach.connection import Connection
from deploy_core.rules.remote import Fence
from tests.reach.releases import FENCE, artifact_of, hidden, server_with_tools, spec
from tests.services.openssh import Sshd

ODD = [b"new\nline", b"bad\xff\xfe", b"-rf", b"$(touch canary)", b"back\\slash", b"n" * 200, b" lead", b"'"]


@pytest.fixture
def artifact(tmp_path) -> Artifact:
    """A small tree with everything odd in it."""
    tree = tmp_path / "odd"
    (tree / "sub/empty").mkdir(parents=True)
    for name in ODD:
        with open(os.fsencode(tree) + b"/sub/" + name, "wb") as file:
            file.write(b"content of " + name)
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("sub")
    return artifacts.store(tree, tmp_path / "artifacts")


# --- staging ----------------------------------------------------------------------------------------------------------


def test_a_release_arrives_byte_for_byte(connection: Connection, place: Path, artifact: Artifact):
    progress: list[tuple[int, int]] = []

    staging.stage(connection, spec(place, artifact), on_progress=lambda sent, total: progress.append((sent, total)))

    release = os.fsencode(place / "releases/r1")
    assert sorted(os.listdir(release + b"/sub")) == sorted([*ODD, b"empty"])
    for name in ODD:
        with open(release + b"/sub/" + name, "rb") as file:
            assert file.read() == b"content of " + name
    assert os.stat(release + b"/run").st_mode & 0o777 == 0o755
    assert os.readlink(release + b"/link") == b"sub"
    assert (place / "releases/r1.id").read_text() == artifact.manifest.id + "\n"
    assert progress[-1][0] == progress[-1][1] > 0
    assert hidden(place) == []
    assert not (place / "current").exists()


def test_the_same_release_is_not_sent_twice(connection: Connection, place: Path, artifact: Artifact):
    staging.stage(connection, spec(place, artifact))
    progress: list[int] = []

    staging.stage(connection, spec(place, artifact), on_progress=lambda sent, total: progress.append(sent))

    assert progress == []


def test_other_content_under_the_same_name_replaces_it(connection: Connection, place: Path, tmp_path: Path):
    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"1", b=b"1")))

    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"2")))

    assert {path.name: path.read_bytes() for path in (place / "releases/r1").iterdir()} == {"a": b"2"}


def test_a_server_without_zstd_is_sent_gzip(tmp_path: Path, artifact: Artifact):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "setsid", "flock", "tar", "gzip", "sha256sum", "find", "sort", "readlink", "ln", "ls"):
        (tools / name).symlink_to(shutil.which(name) or name)
    for name in ("mkdir", "cat", "sed", "cut", "rm", "mv", "tail", "grep", "dirname", "echo", "sleep", "kill"):
        (tools / name).symlink_to(shutil.which(name) or name)
    with (
        server_with_tools(tools) as server,
        ssh.connect(server.address, server.key) as connection,
    ):
        assert connection.run("command -v zstd").exit_status != 0

        staging.stage(connection, spec(server.folder / "app", artifact))

        assert (server.folder / "app/releases/r1/run").exists()
    assert packs.packed(artifact, "gzip").path.exists()


def test_a_relative_path_is_below_the_logins_home(connection: Connection, tmp_path: Path):
    home = Path(connection.run('printf %s "$HOME"').out_tail)
    name = f"app-{os.urandom(3).hex()}"

    staging.stage(connection, replace(spec(Path("x"), artifact_of(tmp_path, a=b"1")), path=f"{name}/it's here"))

    assert (home / name / "it's here/releases/r1/a").read_bytes() == b"1"
    shutil.rmtree(home / name)


# --- shared paths -----------------------------------------------------------------------------------------------------


def test_shared_paths_outlive_releases(connection: Connection, place: Path, tmp_path: Path):
    shared = {"shared_files": ("settings.ini", "deep/er/x.env"), "shared_folders": ("uploads", "var/log")}
    staging.stage(connection, spec(place, artifact_of(tmp_path, **{"settings.ini": b"first"}), "r1", **shared))
    (place / "releases/r1/uploads/photo").write_bytes(b"kept")

    staging.stage(connection, spec(place, artifact_of(tmp_path, **{"settings.ini": b"second"}), "r2", **shared))

    second = place / "releases/r2"
    assert (second / "settings.ini").read_bytes() == b"first"
    assert (second / "uploads/photo").read_bytes() == b"kept"
    for path in ("uploads", "var/log", "deep/er/x.env"):  # relative: the whole folder may move
        assert os.readlink(second / path) == os.path.relpath(place / "shared" / path, (second / path).parent)


def test_a_shared_file_that_is_not_there_yet_is_said(connection: Connection, place: Path, tmp_path: Path):
    heard: list[str] = []

    staging.stage(
        connection,
        spec(place, artifact_of(tmp_path, a=b"1"), shared_files=(".env",)),
        on_line=lambda stream, text: heard.append(text),
    )

    assert heard == [f"{place}/shared/.env is not there yet"]


# --- switching and the rest -------------------------------------------------------------------------------------------


def test_a_release_is_switched_to_looked_at_and_rolled_back(connection: Connection, place: Path, tmp_path: Path):
    for name in ("r1", "r2"):
        staging.stage(connection, spec(place, artifact_of(tmp_path, version=name.encode()), name))

    assert staging.switch(connection, str(place), "r1", FENCE) == ""
    assert staging.switch(connection, str(place), "r2", FENCE) == "r1"
    assert (place / "current/version").read_bytes() == b"r2"
    assert staging.switch(connection, str(place), "r1", FENCE) == "r2"
    assert (place / "current/version").read_bytes() == b"r1"
    assert staging.current(connection, str(place)) == "r1"


def test_a_release_that_is_not_there_is_not_switched_to(connection: Connection, place: Path):
    staging.claim(connection, str(place), FENCE)

    with pytest.raises(CommandFailed) as caught:
        staging.switch(connection, str(place), "r9", FENCE)

    assert caught.value.code == "release_missing"


def test_an_old_owner_neither_stages_nor_switches(connection: Connection, place: Path, tmp_path: Path):
    content = artifact_of(tmp_path, a=b"1")
    staging.stage(connection, spec(place, content, fence=Fence(42, 2)))

    for act in (
        lambda: staging.stage(connection, spec(place, content, fence=Fence(42, 1))),
        lambda: staging.switch(connection, str(place), "r1", Fence(42, 1)),
        lambda: staging.prune(connection, str(place), 1, Fence(42, 1)),
    ):
        with pytest.raises(ReachError) as caught:
            act()
        assert caught.value.code == "taken_over"

    assert staging.current(connection, str(place)) == ""


def test_a_new_owner_ends_the_upload_of_the_old_one(sshd: Sshd, connection: Connection, place: Path, tmp_path: Path):
    large = artifact_of(tmp_path, a=os.urandom(3_000_000))
    holding, taken = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def wait(sent: int, total: int) -> None:
        holding.set()
        taken.wait(30)

    def old_owner() -> None:
        with ssh.connect(sshd.address, sshd.key) as old:
            try:
                staging.stage(old, spec(place, large, fence=Fence(42, 1)), on_progress=wait)
            except ReachError as error:
                ended.append(error)

    thread = threading.Thread(target=old_owner)
    thread.start()
    assert holding.wait(30)
    staging.stage(connection, spec(place, large, fence=Fence(42, 2)))
    taken.set()
    thread.join(30)

    assert len(ended) == 1
    assert list(staging.look(connection, str(place)).releases) == ["r1"]
    assert hidden(place) == []


def test_prune_keeps_what_it_is_told_to(connection: Connection, place: Path, tmp_path: Path):
    for number in range(1, 6):
        staging.stage(connection, spec(place, artifact_of(tmp_path, n=b"%d" % number), f"r{number}"))
    staging.switch(connection, str(place), "r1", FENCE)

    left = staging.prune(connection, str(place), 2, FENCE, protect=("r2",))

    assert sorted(left) == ["r1", "r2", "r4", "r5"]
    assert set(staging.look(connection, str(place)).releases) == {"r5", "r4", "r2", "r1"}


def test_prune_leaves_what_is_live_though_another_tool_laid_it(connection: Connection, place: Path, tmp_path: Path):
    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"1")))
    (place / "releases/20200101").mkdir()
    (place / "current").symlink_to("releases/20200101")

    staging.prune(connection, str(place), 1, FENCE)

    assert (place / "current").is_dir()


def test_a_command_runs_in_the_release_with_its_variables(connection: Connection, place: Path, tmp_path: Path):
    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"1")))
    staging.switch(connection, str(place), "r1", FENCE)
    heard: list[tuple[str, str]] = []

    staging.run_in(
        connection,
        str(place),
        "current",
        'cat a; echo "$PORT"; pwd; echo trouble >&2',
        FENCE,
        variables={"PORT": "8080"},
        on_line=lambda stream, text: heard.append((stream, text)),
    )

    assert [text for stream, text in heard if stream == "o"] == ["18080", str(place / "releases/r1")]
    assert [text for stream, text in heard if stream == "e"] == ["trouble"]


def test_a_command_that_fails_tells_its_status_and_last_lines(connection: Connection, place: Path, tmp_path: Path):
    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"1")))

    with pytest.raises(CommandFailed) as caught:
        staging.run_in(
            connection, str(place), "releases/r1", "echo oh no >&2\nexit 3", FENCE, variables={}, timeout_s=20
        )

    assert caught.value.params == {
        "server": connection.server.name,
        "command": "echo oh no >&2…",
        "exit_status": 3,
        "tail": "oh no",
    }


def test_a_manifest_that_was_packed_is_the_one_on_the_server(connection: Connection, place: Path, artifact: Artifact):
    staging.stage(connection, spec(place, artifact))

    assert staging.look(connection, str(place)).releases == {"r1": artifact.manifest.id}
    assert zlib.decompress(artifact.manifest.pack()) == artifact.manifest.text
