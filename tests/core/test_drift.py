"""Drift: what lies on a server against the manifest of what was sent there."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from chatops.room import asides, messages
from chatops.room.models import Event
from deploy_core.models import Errand, Manifest, Release, ReleaseCopy
from deploy_core.reach import artifacts, credentials
from deploy_core.rules import drift, manifest
from deploy_core.run import crew, errands
from deploy_core.run import drift as visits
from tests import factories
from tests.services import openssh
from tests.services.openssh import Sshd

PIPELINE = "shared: {files: [config.ini], folders: [uploads]}\n"


def _file(content: bytes) -> manifest.Entry:
    return manifest.Entry(b"f", hashlib.sha256(content).hexdigest().encode())


TREE = manifest.Manifest({b"a": _file(b"a"), b"sub/b": _file(b"b"), b"link": manifest.Entry(b"l", b"a")})


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["link link//a", "files 2"], drift.Drift()),
        (["wrong ./sub/b: FAILED", "link link//a", "files 2"], drift.Drift(changed=["sub/b"], changes=1)),
        (["wrong ./a: FAILED open or read", "link link//a", "files 1"], drift.Drift(missing=["a"], changes=1)),
        (["link link//b", "files 5"], drift.Drift(changed=["link"], changes=1, more=3)),
        (["runs other"], drift.Drift(runs="other")),
        (["runs -"], drift.Drift(runs="-")),
    ],
)
def test_lines_of_the_script_say_what_differs(lines, found):
    assert drift.read(lines, TREE) == found


def test_an_answer_that_ends_early_is_none():
    with pytest.raises(ValueError, match="number of files"):
        drift.read(["link link//a"], TREE)


def test_what_is_shared_is_not_the_releases_own():
    shared = {b"uploads/x": _file(b"x"), b"config.ini": _file(b"c"), b"config.ini.dist": _file(b"d")}

    assert set(drift.own(manifest.Manifest(shared), ("uploads", "config.ini")).entries) == {b"config.ini.dist"}


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """One OpenSSH server."""
    with openssh.running() as servers:
        yield servers[0]


@pytest.fixture
def live(transactional_db, sshd, tmp_path) -> tuple[ReleaseCopy, Path]:
    """A release that is current on a server, and its folder there."""
    login = factories.credential("deploy")
    credentials.keep_key(login, sshd.key.pem)
    login.save()
    at = sshd.address
    server = factories.server("web-1", host=at.host, port=at.port, user=at.user, host_key=at.host_key, credential=login)
    place = sshd.folder / uuid.uuid4().hex[:8]
    environment = factories.environment(factories.app("shop"), "staging", servers=(server,), path=str(place))
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    for name, content in {"a": "a", "sub/new\nline": "b", "config.ini": "c"}.items():
        (tree / name).write_text(content)
    (tree / "link").symlink_to("a")
    content = artifacts.store(tree, tmp_path / "artifacts").manifest
    row = Manifest.objects.create(id=content.id, packed=content.pack(), files=content.files, size_bytes=3)
    release = Release.objects.create(
        environment=environment, name="r1", revision="a" * 40, ref="main", pipeline=PIPELINE, manifest=row
    )
    there = place / "releases/r1"
    there.parent.mkdir(parents=True)
    tree.rename(there)
    os.symlink("releases/r1", place / "current")
    (there / "config.ini").unlink()
    os.symlink(os.path.relpath(place / "shared/config.ini", there), there / "config.ini")
    copy = ReleaseCopy.objects.create(
        environment=environment, server=server, release=release, is_current=True, staged=timezone.now()
    )
    return copy, there


def test_an_untouched_release_is_as_it_was_sent(live):
    assert visits.compare(live[0], timeout_s=60) == drift.Drift()


def test_what_somebody_changed_removed_or_added_is_found(live):
    copy, there = live
    (there / "a").write_text("changed")
    (there / "sub/new\nline").unlink()
    (there / "cache").write_text("x")

    found = visits.compare(copy, timeout_s=60)

    assert (found.changed, found.missing, found.more, found.is_true) == (["a"], ["sub/new\\nline"], 1, False)


def test_another_current_release_is_named(live):
    copy, there = live
    (there.parent.parent / "current").unlink()
    os.symlink("releases/r0", there.parent.parent / "current")

    assert visits.compare(copy, timeout_s=60).runs == "r0"


def test_where_verify_answers_at_once_and_again_when_it_knows(live):
    alice = factories.person("alice", role="viewer")
    copy, there = live
    (there / "a").write_text("changed")
    room = factories.room("demo", members=(alice,), apps=(copy.environment.app,))

    said = messages.post(author=alice, room=room, text="/where shop --verify", client_id="c1", surface="web")

    assert said["reply"]["code"] == "where.verifying"
    Errand.objects.update(status=errands.RUNNING)
    errands.run(Errand.objects.get().pk)
    asides.tell_notices()
    answer = Event.objects.filter(stream_kind="person", kind="reply").latest("pk").payload
    [row] = answer["params"]["table"]["rows"]
    assert (answer["code"], row[0], row[4]["code"], row[4]["params"]["changed"]) == (
        "where.verified",
        "web-1",
        "drift.found",
        ["a"],
    )


def test_a_server_that_nobody_got_to_in_time_is_told_as_such(live):
    table = visits.table([live[0].environment_id], within_s=0)

    [[server, *_, state]] = table["rows"]
    assert (server, state["code"], state["params"]["command"]) == ("web-1", "timed_out", "verify")


def test_several_are_done_at_once_and_told_in_their_order():
    assert crew.several(lambda number: number * 2, range(5), at_once=2, name="test-crew") == [0, 2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError):
        crew.several(lambda number: 1 // number, [1, 0], at_once=2, name="test-crew")
