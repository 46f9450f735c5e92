"""Releases made of what a server has already: what travels, what stays untouched, and when all of it is sent."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deploy_core.errors import CommandFailed
from deploy_core.reach import artifacts, ssh, staging
from deploy_core.reach.artifacts import Artifact
from deploy_core.reach.connection import Connection
from deploy_core.reach.deltas import Base
from deploy_core.reach.staging import ReleaseSpec
from deploy_core.rules.delta import Delta
from deploy_core.rules.remote import Fence
from tests.reach.wires import wire_to

FENCE = Fence(42, 1)
LARGE = 400_000
FIRST: Mapping[str, bytes] = {
    "large": os.urandom(LARGE),
    "edited": b"one",
    "run": b"#!/bin/sh\n",
    "gone/deep/file": b"x",
    "becomes-folder": b"x",
    "becomes-file/x": b"x",
    "new\nline -rf": b"odd",
    "stays/a": b"a",
}
SECOND: Mapping[str, bytes] = {
    **{name: FIRST[name] for name in ("large", "run", "new\nline -rf", "stays/a")},
    "edited": b"two",
    "becomes-folder/x": b"y",
    "becomes-file": b"y",
    "added/deep/file": b"z",
}


def packed(folder: Path, files: Mapping[str, bytes], *, runs: bool = False) -> Artifact:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    if runs:
        (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("stays" if runs else "large")
    (tree / "hollow").mkdir()
    return artifacts.store(tree, folder / "artifacts")


@pytest.fixture
def first(tmp_path) -> Artifact:
    return packed(tmp_path, FIRST)


@pytest.fixture
def second(tmp_path) -> Artifact:
    return packed(tmp_path, SECOND, runs=True)


def base(name: str, old: Artifact, new: Artifact, *, is_spare: bool = False, shared: tuple[bytes, ...] = ()) -> Base:
    return Base(name, Delta(old.manifest, new.manifest, shared), is_spare)


def spec(place: Path, artifact: Artifact, name: str, *bases: Base, fence: Fence = FENCE, **shared) -> ReleaseSpec:
    return ReleaseSpec(path=str(place), name=name, artifact=artifact, fence=fence, bases=bases, **shared)


def hashes(folder: Path) -> dict[str, str]:
    """Everything below a folder: kind, executable bit, and content or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = f"{path.stat().st_mode & 0o100} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


@pytest.fixture
def whole(connection: Connection, place: Path, second: Artifact, first: Artifact) -> dict[str, str]:
    """What the second release is when all of it is sent; the first one lies there and is current."""
    other = place.with_name(place.name + "-whole")
    staging.stage(connection, spec(other, second, "r2"))
    staging.stage(connection, spec(place, first, "r1"))
    staging.switch(connection, str(place), "r1", FENCE)
    return hashes(other / "releases/r2")


def test_only_what_changed_travels_and_the_release_before_stays_as_it_is(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    before = hashes(place / "releases/r1")

    done = staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))

    assert (done.base, done.is_used_up, done.sent_files, done.remarks) == ("r1", False, 5, ())
    assert 0 < done.sent_bytes < 3_000
    assert hashes(place / "releases/r2") == whole
    assert hashes(place / "releases/r1") == before
    assert (place / "releases/r1/large").samefile(place / "releases/r2/large")
    assert sorted(os.listdir(place / "releases")) == ["r1", "r1.id", "r1.stamp", "r2", "r2.id", "r2.stamp"]


def test_linked_releases_follow_one_another_and_each_goes_on_alone(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    before = hashes(place / "releases/r1")
    staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))
    third = packed(place.parent / f"{place.name}-third", {**SECOND, "edited": b"three"}, runs=True)

    done = staging.stage(connection, spec(place, third, "r3", base("r2", second, third)))
    staging.stage(connection, spec(place, first, "r4", base("r3", third, first)))

    assert (done.base, done.sent_files) == ("r2", 1)
    assert hashes(place / "releases/r1") == before == hashes(place / "releases/r4")
    assert hashes(place / "releases/r2") == whole
    assert (place / "releases/r3/edited").read_bytes() == b"three"


def test_a_spare_release_becomes_the_new_one(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    staging.stage(connection, spec(place, first, "r0"))
    before = hashes(place / "releases/r1")

    done = staging.stage(connection, spec(place, second, "r2", base("r0", first, second, is_spare=True)))

    assert (done.base, done.is_used_up) == ("r0", True)
    assert hashes(place / "releases/r2") == whole
    assert hashes(place / "releases/r1") == before
    assert set(staging.look(connection, str(place)).releases) == {"r1", "r2"}
    assert not list((place / "releases").glob("r0*"))


def test_a_spare_that_is_current_after_all_is_not_used_up(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    bases = (base("r1", first, second, is_spare=True), base("r1", first, second))

    done = staging.stage(connection, spec(place, second, "r2", *bases))

    assert ("r1", "current") in done.remarks
    assert hashes(place / "releases/r2") == whole
    assert staging.current(connection, str(place)) == "r1"


@pytest.mark.parametrize("is_spare", [False, True])
def test_files_that_were_written_beside_those_of_the_release_do_not_come_along(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole, is_spare
):
    staging.stage(connection, spec(place, first, "r0"))
    folder = f"{place}/releases/r0/stays/__pycache__"
    connection.run(f"mkdir {folder}; echo written by the app > {folder}/a.pyc").check("write")

    done = staging.stage(connection, spec(place, second, "r2", base("r0", first, second, is_spare=is_spare)))

    assert (done.base, done.remarks) == ("r0", (("r0", "touched"),))
    assert done.sent_bytes < LARGE / 10
    assert hashes(place / "releases/r2") == whole


@pytest.mark.parametrize("harm", ["other content", "removed", "a link in its place", "other mode"])
def test_a_base_that_is_not_what_it_was_is_not_built_upon(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole, harm
):
    victim = place / "releases/r1/stays/a"
    times = victim.stat()
    match harm:
        case "other content":
            victim.write_bytes(b"b")
            os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
        case "removed":
            victim.unlink()
        case "a link in its place":
            victim.unlink()
            victim.symlink_to("../large")
        case "other mode":
            victim.chmod(0o755)

    done = staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))

    assert (done.base, done.remarks[-1]) == ("", ("r1", "stale"))
    assert done.sent_bytes > LARGE
    assert hashes(place / "releases/r2") == whole


def test_what_another_user_wrote_into_a_spare_stands_in_nobodys_way(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    """As root the tests are that other user; else there is none, and the spare is used up."""
    staging.stage(connection, spec(place, first, "r0"))
    (place / "releases/r0/stays/cache").mkdir(mode=0o755)
    (place / "releases/r0/stays/cache/x").write_bytes(b"")

    staging.stage(connection, spec(place, second, "r2", base("r0", first, second, is_spare=True)))

    assert hashes(place / "releases/r2") == whole


def test_releases_that_share_files_are_known_to_be_untouched_when_one_goes(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    """Unlinking a file changes the ctime that its other names show."""
    staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))
    staging.stage(connection, spec(place, second, "r3", base("r2", second, second)))
    third = packed(place.parent / f"{place.name}-third", {**SECOND, "stays/a": b"3"}, runs=True)

    staging.stage(connection, spec(place, third, "r4", base("r2", second, third, is_spare=True)))
    done = staging.stage(connection, spec(place, third, "r5", base("r3", second, third, is_spare=True)))

    assert (done.base, done.sent_files, done.remarks) == ("r3", 1, ())
    assert hashes(place / "releases/r5") == hashes(place / "releases/r4") != whole


def test_a_base_of_other_content_or_none_at_all_is_said(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    bases = (base("r0", first, second, is_spare=True), base("r1", second, second))

    done = staging.stage(connection, spec(place, second, "r2", *bases))

    assert (done.base, done.remarks) == ("", (("r0", "missing"), ("r1", "missing")))
    assert hashes(place / "releases/r2") == whole


def test_shared_paths_of_either_release_are_where_they_belong(connection: Connection, place: Path, tmp_path: Path):
    first = packed(tmp_path, {"large": os.urandom(LARGE), "conf/a.ini": b"first", "x/y": b"1", "z": b"1"})
    second = packed(
        tmp_path, {**{"large": (tmp_path / "tree/large").read_bytes()}, "x/y": b"2", "z": b"1", "log/k": b""}
    )
    staging.stage(connection, spec(place, first, "r1", shared_files=("conf/a.ini", "own/b"), shared_folders=("x",)))

    done = staging.stage(
        connection,
        spec(
            place,
            second,
            "r2",
            base("r1", first, second, shared=(b"conf/a.ini", b"own/b", b"x")),
            shared_folders=("log",),
        ),
    )

    assert done.base == "r1"
    assert done.sent_bytes < LARGE / 10
    assert (place / "releases/r2/x/y").read_bytes() == b"2"
    assert (place / "shared/x/y").read_bytes() == b"1"
    assert os.readlink(place / "releases/r2/log") == os.path.relpath(place / "shared/log", place / "releases/r2")
    assert sorted(os.listdir(place / "releases/r2")) == ["hollow", "large", "link", "log", "x", "z"]


@pytest.mark.parametrize("is_spare", [False, True])
def test_a_delta_that_is_not_whole_uses_nothing_up(
    sshd, connection: Connection, place: Path, first: Artifact, tmp_path: Path, whole, is_spare
):
    staging.stage(connection, spec(place, first, "r0"))
    new = packed(tmp_path, {**SECOND, "more": os.urandom(LARGE)})
    before = hashes(place / "releases/r0")
    with wire_to(sshd.address.port) as (port, wire), ssh.connect(replace(sshd.address, port=port), sshd.key) as frail:
        wire.limit_bytes, wire.at_limit = wire.carried_bytes + LARGE // 2, wire.cut
        with pytest.raises(Exception, match="connection_lost"):
            staging.stage(frail, spec(place, new, "r2", base("r0", first, new, is_spare=is_spare)))

    assert hashes(place / "releases/r0") == before
    done = staging.stage(
        connection, spec(place, new, "r2", base("r0", first, new, is_spare=is_spare), fence=Fence(42, 2))
    )

    assert done.base == "r0"
    assert (place / "releases/r2/more").stat().st_size == LARGE
    assert "r1" in staging.look(connection, str(place)).releases


def test_an_artifact_that_was_damaged_here_is_not_sent_in_part(
    connection: Connection, place: Path, first: Artifact, second: Artifact, whole
):
    second.path.write_bytes(second.path.read_bytes().replace(b"two", b"tvo"))

    with pytest.raises(CommandFailed) as caught:
        staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))

    assert (caught.value.code, caught.value.params["tail"]) == ("verify_failed", "./edited: FAILED")
    assert set(staging.look(connection, str(place)).releases) == {"r1"}


def test_a_delta_is_made_once_for_all_servers(connection: Connection, place: Path, first: Artifact, second, whole):
    staging.stage(connection, spec(place, second, "r2", base("r1", first, second)))
    made = {path.name: path.stat().st_mtime_ns for path in second.path.parent.glob("*.from.*.zst")}

    staging.stage(connection, spec(place, second, "r3", base("r1", first, second)))

    assert made
    assert {path.name: path.stat().st_mtime_ns for path in second.path.parent.glob("*.from.*.zst")} == made
