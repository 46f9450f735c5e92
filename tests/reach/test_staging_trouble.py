"""Staging that goes wrong: the old release stays, and the reason is told."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deploy_core.errors import Cancelled, CommandFailed, ConnectionLost
from deploy_core.reach import artifacts, command, packs, ssh, staging
from deploy_core.reach.connection import Connection
from deploy_core.rules.remote import Fence
from tests.reach.releases import FENCE, artifact_of, hidden, server_with_tools, spec
from tests.reach.wires import wire_to
from tests.services import small_disk
from tests.services.openssh import Sshd


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
