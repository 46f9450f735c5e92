"""Releases on a real server: staged, verified, switched, pruned, and what goes wrong in between."""

import os
import shutil
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy_core.errors import Cancelled, CommandFailed, ConnectionLost, ReachError
from deploy_core.reach import artifacts, command, packs, ssh, staging
from deploy_core.reach.artifacts import Artifact
from deploy_core.reach.connection import Connection
from deploy_core.reach.staging import ReleaseSpec
from deploy_core.rules.remote import Fence
from tests.reach.wires import wire_to
from tests.services import openssh, small_disk
from tests.services.openssh import Sshd

FENCE = Fence(42, 1)
ODD = [b"new\nline", b"bad\xff\xfe", b"-rf", b"$(touch canary)", b"back\\slash", b"n" * 200, b" lead", b"'"]


def artifact_of(folder: Path, **files: bytes) -> Artifact:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name, content in files.items():
        (tree / name).write_bytes(content)
    return artifacts.store(tree, folder / "artifacts")


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


def spec(place: Path, artifact: Artifact, name: str = "r1", fence: Fence = FENCE, **shared) -> ReleaseSpec:
    return ReleaseSpec(path=str(place), name=name, artifact=artifact, fence=fence, **shared)


def hidden(place: Path) -> list[str]:
    """What is on its way, or was left by the way."""
    return sorted(name for name in os.listdir(place) if name.startswith(".") and name != ".lock")


@contextmanager
def server_with_tools(tools: Path, more: str = "") -> Iterator[Sshd]:
    """A server whose programs are looked for in `tools` and `more`; the login may read them."""
    top = tools
    while top.parent.owner() == tools.owner() and top.parent != Path(tempfile.gettempdir()):
        top.chmod(top.stat().st_mode | 0o055)
        top = top.parent
    top.chmod(top.stat().st_mode | 0o055)
    with openssh.running(config=f"SetEnv PATH={tools}{more}") as [server]:
        yield server


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
    assert os.readlink(second / "uploads") == "../../shared/uploads"
    assert os.readlink(second / "var/log") == "../../../shared/var/log"
    assert os.readlink(second / "deep/er/x.env") == "../../../../shared/deep/er/x.env"


def test_a_shared_file_that_is_not_there_yet_is_said(connection: Connection, place: Path, tmp_path: Path):
    heard: list[str] = []

    staging.stage(
        connection,
        spec(place, artifact_of(tmp_path, a=b"1"), shared_files=(".env",)),
        on_line=lambda stream, text: heard.append(text),
    )

    assert heard == [f"{place}/shared/.env is not there yet"]


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_content_that_is_not_the_manifests_is_refused(connection: Connection, place: Path, tmp_path: Path):
    good = artifact_of(tmp_path, good=b"good content", other=b"x")
    good.path.write_bytes(good.path.read_bytes().replace(b"good content", b"evil content"))

    with pytest.raises(CommandFailed) as caught:
        staging.stage(connection, spec(place, good))

    assert caught.value.code == "verify_failed"
    assert "./good: FAILED" in str(caught.value.params["tail"])
    assert os.listdir(place / "releases") == []
    assert hidden(place) == []


def test_a_file_too_many_is_refused(connection: Connection, place: Path, tmp_path: Path):
    smuggled = artifact_of(tmp_path / "two", a=b"1", b=b"2")
    sent = replace(artifact_of(tmp_path / "one", a=b"1"), path=smuggled.path)

    with pytest.raises(CommandFailed) as caught:
        staging.stage(connection, spec(place, sent))

    assert caught.value.code == "verify_failed"
    assert os.listdir(place / "releases") == []


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_an_upload_that_was_cut_short_is_refused(connection: Connection, place: Path, tmp_path: Path, part):
    whole = artifact_of(tmp_path, a=os.urandom(300_000), b=os.urandom(300_000))
    packed = packs.packed(whole, "zstd").path
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * part)])

    with pytest.raises(CommandFailed):
        staging.stage(connection, spec(place, whole))

    assert os.listdir(place / "releases") == []
    assert hidden(place) == []


def test_an_upload_that_changed_on_its_way_is_not_even_unpacked(connection: Connection, place: Path, tmp_path: Path):
    whole = artifact_of(tmp_path, a=bytes(300_000), b=os.urandom(300_000))
    packed = packs.packed(whole, "zstd").path
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)

    with pytest.raises(CommandFailed) as caught:
        staging.stage(connection, spec(place, whole))

    assert (caught.value.code, caught.value.params["tail"]) == (
        "verify_failed",
        "the upload was cut short or damaged",
    )
    assert os.listdir(place / "releases") == []
    assert hidden(place) == []

    staging.stage(connection, spec(place, whole))  # what is sent is made anew

    assert list(staging.look(connection, str(place)).releases) == ["r1"]


@pytest.mark.parametrize("after_bytes", [0, 1, 2_000_000])
def test_a_connection_cut_in_the_upload_leaves_the_old_release(
    sshd: Sshd, connection: Connection, place: Path, tmp_path: Path, after_bytes
):
    staging.stage(connection, spec(place, artifact_of(tmp_path / "old", a=b"old")))
    staging.switch(connection, str(place), "r1", FENCE)
    large = artifact_of(tmp_path, a=os.urandom(4_000_000))
    with wire_to(sshd.address.port) as (port, wire), ssh.connect(replace(sshd.address, port=port), sshd.key) as frail:
        wire.limit_bytes, wire.at_limit = wire.carried_bytes + after_bytes, wire.cut
        with pytest.raises(ConnectionLost):
            staging.stage(frail, spec(place, large, "r2"))

    assert staging.look(connection, str(place)).current == "r1"
    staging.stage(connection, spec(place, large, "r2", Fence(42, 2)))

    assert list(staging.look(connection, str(place)).releases) == ["r2", "r1"]
    assert hidden(place) == []


def test_a_cancelled_upload_leaves_nothing(connection: Connection, place: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(command, "TURN_S", 0.001)  # so that the cancel comes while it is sent
    large = artifact_of(tmp_path, a=os.urandom(12_000_000))
    sending = threading.Event()

    with pytest.raises(Cancelled):
        staging.stage(
            connection,
            spec(place, large),
            on_progress=lambda sent, total: sending.set(),
            stop=sending.is_set,
        )

    assert os.listdir(place / "releases") == []
    assert hidden(place) == []


def test_a_full_disk_is_said_and_leaves_the_old_release(tmp_path: Path):
    """The disk: a tar that writes to /dev/full, which needs no rights to set up."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text("#!/bin/sh\nhead -c 100000 >/dev/null; exec cp /etc/passwd /dev/full\n")
    (tools / "tar").chmod(0o755)
    with (
        server_with_tools(tools, more=":/usr/local/bin:/usr/bin:/bin") as server,
        ssh.connect(server.address, server.key) as connection,
    ):
        place = server.folder / "app"

        with pytest.raises(CommandFailed) as caught:
            staging.stage(connection, spec(place, artifact_of(tmp_path, a=os.urandom(3_000_000))))

        assert caught.value.code == "disk_full"
        assert "No space left on device" in str(caught.value.params["tail"])
        assert os.listdir(place / "releases") == []
        assert hidden(place) == []


def test_a_link_that_leaves_the_release_is_not_even_packed(tmp_path: Path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "passwd").symlink_to("/etc/passwd")

    with pytest.raises(Exception, match="link_leaves_tree"):
        artifacts.store(tree, tmp_path / "artifacts")


def test_the_release_that_is_current_is_never_replaced(connection: Connection, place: Path, tmp_path: Path):
    staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"1")))
    staging.switch(connection, str(place), "r1", FENCE)

    with pytest.raises(CommandFailed) as caught:
        staging.stage(connection, spec(place, artifact_of(tmp_path, a=b"2")))

    assert caught.value.params["tail"] == "releases/r1 is current, with other content"
    assert (place / "current/a").read_bytes() == b"1"


def test_a_full_disk_can_be_left_for_the_release_before(sshd: Sshd, connection: Connection, tmp_path: Path):
    with small_disk.running(sshd.folder / "full") as disk:
        disk.folder.chmod(0o777)
        place = disk.folder / "app"
        for name in ("r1", "r2"):
            staging.stage(connection, spec(place, artifact_of(tmp_path, version=name.encode()), name))
        staging.switch(connection, str(place), "r2", FENCE)
        disk.fill()

        staging.claim(connection, str(place), Fence(43, 1))
        staging.switch(connection, str(place), "r1", Fence(43, 1))

        assert staging.current(connection, str(place)) == "r1"


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
