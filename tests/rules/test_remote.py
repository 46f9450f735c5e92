"""The scripts that run on servers: as values, and run by the shell of this machine where that tells more."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deploy_core.reach import artifacts, packs
from deploy_core.rules import layout, remote, shell
from deploy_core.rules.remote import Fence, Once
from tests.waiting import wait_until

FENCE = Fence(42, 3)


def sh(script: str, folder: Path, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """A script as `Connection.run` would have it run."""
    line = shell.wrapped(script, "MARK", has_stdin=True)
    return subprocess.run(["sh", "-c", line], cwd=folder, input=data, capture_output=True, timeout=30)


def lay(folder: Path, name: str, content: str = "x", age_s: int = 0) -> None:
    """A complete release."""
    release = folder / "app/releases" / name
    release.mkdir(parents=True)
    (release / "file").write_text(content)
    (folder / f"app/releases/{name}.id").write_text(f"id-of-{name}\n")
    then = time.time() - age_s
    os.utime(folder / f"app/releases/{name}.id", (then, then))


def releases(folder: Path) -> set[str]:
    return {path.name for path in (folder / "app/releases").iterdir() if path.is_dir()}


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "-rf", "a b", "a;b", "a\n", "a.id", "a" * 101])
def test_what_could_leave_the_releases_is_no_release_name(name):
    with pytest.raises(ValueError, match="not a release name"):
        remote.switch("app", name, FENCE)


@pytest.mark.parametrize("path", ["", "/etc", "../x", "a/../../b", "a\0b"])
def test_what_could_leave_a_release_is_no_shared_path(path):
    with pytest.raises(ValueError, match="not a path"):
        layout.shared_path(path)


@pytest.mark.parametrize("inside", ["storage/logs", "public/logs"], ids=["in another", "behind a link"])
def test_what_was_shared_before_is_never_removed_through_a_link(tmp_path, inside):
    tree, kept = tmp_path / "tree", tmp_path / "app/shared/storage/logs/of production"
    tree.mkdir()
    (tree / "public").symlink_to("storage")
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")
    artifact = artifacts.store(tree, tmp_path / "artifacts")
    script = layout.stage(
        "app", "r1", artifact.manifest.id, artifact.manifest.kinds_sum, FENCE, shared_folders=("storage", inside)
    )
    packed = packs.packed(artifact, "zstd" if shutil.which("zstd") else "gzip")

    done = sh(script, tmp_path, packed.preface("b2sum") + packed.path.read_bytes())

    assert done.returncode == remote.BEHIND_LINK, done.stderr
    assert kept.read_text() == "kept"
    assert f"{inside} lies in {inside.split('/')[0]}, which is a link" in done.stderr.decode()
    assert releases(tmp_path) == set()


# --- switch -----------------------------------------------------------------------------------------------------------


def claimed(folder: Path, fence: Fence = FENCE) -> None:
    assert sh(remote.claim("app", fence), folder).returncode == 0


def test_switch_makes_a_release_current_and_tells_the_one_before(tmp_path):
    lay(tmp_path, "r1")
    lay(tmp_path, "r2")
    claimed(tmp_path)

    first = sh(remote.switch("app", "r1", FENCE), tmp_path)
    second = sh(remote.switch("app", "r2", FENCE), tmp_path)

    assert (first.returncode, first.stdout.splitlines()[1:]) == (0, [b"was "])
    assert (second.returncode, second.stdout.splitlines()[1:]) == (0, [b"was r1"])
    assert os.readlink(tmp_path / "app/current") == "releases/r2"
    assert sorted(os.listdir(tmp_path / "app")) == [".lock", "current", "releases"]


def test_a_path_with_a_space_and_a_quote_is_one_path(tmp_path):
    path = "my 'app'"
    assert sh(remote.claim(path, FENCE), tmp_path).returncode == 0
    assert sorted(os.listdir(tmp_path / path)) == [".lock", "releases"]


def test_switch_refuses_a_release_that_is_not_complete(tmp_path):
    lay(tmp_path, "r1")
    (tmp_path / "app/releases/r1.id").unlink()
    claimed(tmp_path)

    for name in ("r1", "r2"):
        assert sh(remote.switch("app", name, FENCE), tmp_path).returncode == remote.NO_RELEASE

    assert not (tmp_path / "app/current").exists()


def test_switch_does_not_replace_somebodys_folder(tmp_path):
    lay(tmp_path, "r1")
    (tmp_path / "app/current").mkdir()
    claimed(tmp_path)

    done = sh(remote.switch("app", "r1", FENCE), tmp_path)

    assert done.returncode == remote.NOT_A_LINK
    assert b"is not a link" in done.stderr


def test_no_reader_ever_misses_current_while_it_switches(tmp_path):
    lay(tmp_path, "r1")
    lay(tmp_path, "r2")
    claimed(tmp_path)
    sh(remote.switch("app", "r1", FENCE), tmp_path)
    switching = subprocess.Popen(
        ["sh", "-c", f"for i in 1 2 3 4 5 6 7 8 9 10; do for r in r2 r1; do {switch_line()}; done; done"],
        cwd=tmp_path,
    )
    reads = 0

    while switching.poll() is None:
        assert (tmp_path / "app/current/file").read_text() == "x"
        reads += 1

    assert switching.returncode == 0
    assert reads > 20


def switch_line() -> str:
    """A switch to `$r`, in the midst of another script."""
    script = remote.switch("app", "r9", FENCE).replace("r9", "$0")
    return f"sh -c {shlex.quote(script)} $r >/dev/null"


# --- who holds the folder ---------------------------------------------------------------------------------------------


def test_nobody_switches_what_they_did_not_claim(tmp_path):
    lay(tmp_path, "r1")

    assert sh(remote.switch("app", "r1", FENCE), tmp_path).returncode == remote.TAKEN_OVER


def test_an_older_owner_cannot_switch_nor_claim_again(tmp_path):
    lay(tmp_path, "r1")
    claimed(tmp_path, Fence(42, 3))
    claimed(tmp_path, Fence(42, 4))

    for script in (
        remote.switch("app", "r1", Fence(42, 3)),
        remote.claim("app", Fence(42, 3)),
        remote.prune("app", 1, (), Fence(42, 3)),
        remote.in_folder("app", "releases/r1", "touch canary", Fence(42, 3)),
    ):
        assert sh(script, tmp_path).returncode == remote.TAKEN_OVER

    assert not (tmp_path / "app/current").exists()
    assert not (tmp_path / "app/releases/r1/canary").exists()


def test_who_came_later_claims_whatever_the_deployment(tmp_path):
    claimed(tmp_path, Fence(42, 9))
    claimed(tmp_path, Fence(41, 10))  # approved later than 42, but that is over

    assert sh(remote.claim("app", Fence(43, 9)), tmp_path).returncode == remote.TAKEN_OVER
    assert sh(layout.stage("app", "r1", "0", "0", Fence(42, 9)), tmp_path).returncode == remote.TAKEN_OVER


def test_a_new_owner_ends_what_the_old_one_left_running(tmp_path):
    lay(tmp_path, "r1")
    claimed(tmp_path, Fence(42, 1))
    script = remote.in_folder("app", "releases/r1", "touch running; exec sleep 300", Fence(42, 1))
    old = subprocess.Popen(["sh", "-c", shell.wrapped(script, "MARK")], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until((tmp_path / "app/releases/r1/running").exists)

        claimed(tmp_path, Fence(42, 2))

        assert old.wait(30) != 0
    finally:
        old.kill()
        old.wait()


def test_a_command_that_is_begun_again_ends_the_one_that_was_cut_off(tmp_path):
    lay(tmp_path, "r1")
    claimed(tmp_path, FENCE)
    script = remote.in_folder("app", "releases/r1", "touch running; exec sleep 300", FENCE)
    old = subprocess.Popen(["sh", "-c", shell.wrapped(script, "MARK")], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until((tmp_path / "app/releases/r1/running").exists)

        assert sh(remote.in_folder("app", "releases/r1", "true", FENCE), tmp_path).returncode == 0

        assert old.wait(30) != 0
    finally:
        old.kill()
        old.wait()


def test_a_process_that_only_has_the_old_number_is_left_alone(tmp_path):
    claimed(tmp_path, Fence(42, 1))
    other = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        (tmp_path / "app/.lock/group").symlink_to(f"{other.pid} 1 another-boot")

        claimed(tmp_path, Fence(42, 2))

        assert other.poll() is None
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()


def test_a_daemon_that_was_restarted_does_not_hold_the_folder(tmp_path):
    lay(tmp_path, "r1")
    claimed(tmp_path)
    command = "sleep 300 >/dev/null 2>&1 & echo $! > pid"
    try:
        assert sh(remote.in_folder("app", "releases/r1", command, FENCE), tmp_path).returncode == 0

        assert sh(remote.switch("app", "r1", FENCE), tmp_path).returncode == 0
    finally:
        os.kill(int((tmp_path / "app/releases/r1/pid").read_text()), signal.SIGKILL)


# --- looking and pruning ----------------------------------------------------------------------------------------------


def test_look_sees_complete_releases_the_newest_first(tmp_path):
    for age, name in enumerate(("r3", "r2", "r1")):
        lay(tmp_path, name, age_s=age * 60)
    (tmp_path / "app/releases/half").mkdir()
    claimed(tmp_path)
    sh(remote.switch("app", "r2", FENCE), tmp_path)

    done = sh(remote.look("app"), tmp_path)

    assert done.stdout.decode().splitlines()[1:] == [
        "current r2",
        "release r3 id-of-r3",
        "release r2 id-of-r2",
        "release r1 id-of-r1",
    ]


def test_look_sees_nothing_where_nothing_is(tmp_path):
    done = sh(remote.look("app"), tmp_path)

    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (0, [], b"")
    assert os.listdir(tmp_path) == []


def test_what_an_earlier_attempt_still_receives_ends_up_nowhere(tmp_path):
    """Its sender lives on, and the server does not know any more what to end."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    artifact = artifacts.store(tree, tmp_path / "artifacts")
    script = layout.stage("app", "r1", artifact.manifest.id, artifact.manifest.kinds_sum, FENCE)
    line = shell.wrapped(script, "MARK", has_stdin=True)
    orphan = subprocess.Popen(
        ["sh", "-c", line], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert orphan.stdout is not None
    how, summed = [orphan.stdout.readline(), orphan.stdout.readline()][1].decode().split()[1:]
    packed = packs.packed(artifact, how)
    data = packed.preface(summed) + packed.path.read_bytes()
    (tmp_path / "app/.lock/group").unlink()

    later = sh(script, tmp_path, data)
    laid = (tmp_path / "app/releases/r1").stat()
    _, complaint = orphan.communicate(data, timeout=30)

    assert later.returncode == 0, later.stderr
    assert orphan.returncode != 0, complaint
    assert (tmp_path / "app/releases/r1").stat().st_ino == laid.st_ino
    assert sorted(os.listdir(tmp_path / "app")) == [".lock", "releases"]


def test_prune_keeps_the_newest_the_current_and_the_protected(tmp_path):
    for age, name in enumerate(("r6", "r5", "r4", "r3", "r2", "r1")):
        lay(tmp_path, name, age_s=age * 60)
    (tmp_path / "app/releases/half").mkdir()
    (tmp_path / "app/.stage.r0.1.1").mkdir()
    claimed(tmp_path)
    sh(remote.switch("app", "r1", FENCE), tmp_path)

    done = sh(remote.prune("app", 2, ("r3",), FENCE), tmp_path)

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()[2:]) == {b"kept", b"r6", b"r5", b"r3", b"r1"}
    assert releases(tmp_path) == {"r6", "r5", "r3", "r1"}
    assert sorted(os.listdir(tmp_path / "app")) == [".lock", "current", "releases"]


def test_what_ran_to_its_end_for_a_deployment_is_not_run_again_for_it(tmp_path):
    lay(tmp_path, "r1")
    ran = tmp_path / "ran"

    def run(command: str, fence: Fence, asked: int = 1000, name: str = "after_switch.0") -> int:
        claimed(tmp_path, fence)
        once = Once(name, fence.deployment, asked)
        return sh(remote.in_folder("app", "releases/r1", f"echo {command} >> {ran}", fence, once), tmp_path).returncode

    codes = [
        run("failed; exit 3", FENCE),
        run("done", FENCE),
        run("again", Fence(42, 4)),
        run("next", Fence(43, 5)),
        run("namesake", Fence(43, 6), asked=2000),  # of a backup that was put back
        run("other", Fence(43, 6), asked=2000, name="after_switch.1"),
    ]

    assert codes == [3, 0, 0, 0, 0, 0]
    assert ran.read_text().split() == ["done", "next", "namesake", "other"]


def test_prune_has_nothing_to_do_where_nothing_is(tmp_path):
    claimed(tmp_path)

    done = sh(remote.prune("app", 3, (), FENCE), tmp_path)

    assert (done.returncode, done.stderr) == (0, b"")
