"""Tar, written and read: against GNU tar, tarfile and git, and what must not be unpacked."""

import io
import os
import subprocess
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_core.reach import tar

LIMIT = 10_000_000
ODD = [b"new\nline", b"\xff\xfe", b"-rf", b"$(touch canary)", b"quo'te\"", b"caf\xc3\xa9", b"n" * 250]


def written(write) -> bytes:
    sink = io.BytesIO()
    writer = tar.Writer(sink)
    write(writer)
    writer.close()
    return sink.getvalue()


def unpacked(archive: bytes, folder: Path, limit_bytes: int = LIMIT) -> Path:
    folder.mkdir()
    tar.unpack(io.BytesIO(archive), folder, limit_bytes=limit_bytes)
    return folder


def made_by_tarfile(*members: tuple[str, bytes, bytes], kind_format: int = tarfile.PAX_FORMAT) -> bytes:
    """`(name, type, content or target)`."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=kind_format, errors="surrogateescape") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content.decode()
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_gnu_tar_unpacks_what_was_written(tmp_path, name):
    def write(writer: tar.Writer) -> None:
        writer.folder(b"folder")
        writer.file(b"folder/" + name, b"content of it", is_executable=True)
        writer.link(b"link to " + name[:100], b"folder/" + name)

    subprocess.run(["tar", "-xf", "-"], input=written(write), cwd=tmp_path, check=True)

    top = os.fsencode(tmp_path)
    with open(top + b"/folder/" + name, "rb") as file:
        assert file.read() == b"content of it"
    assert os.stat(top + b"/folder/" + name).st_mode & 0o777 == 0o755
    assert os.readlink(top + b"/link to " + name[:100]) == b"folder/" + name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_tarfile_reads_what_was_written(contents):
    def write(writer: tar.Writer) -> None:
        for number, content in enumerate(contents):
            writer.file(b"f%d" % number, content)

    with tarfile.open(fileobj=io.BytesIO(written(write))) as archive:
        read = [archive.extractfile(member).read() for member in archive]

    assert read == contents


def test_a_file_in_pieces_is_the_same_as_one_at_once():
    def at_once(writer: tar.Writer) -> None:
        writer.file(b"a", b"x" * 1000)

    def in_pieces(writer: tar.Writer) -> None:
        writer.start_file(b"a", 1000, is_executable=False)
        writer.piece(b"x" * 600)
        writer.piece(b"x" * 400)
        writer.pad(1000)

    assert written(at_once) == written(in_pieces)


def test_the_size_of_a_huge_file_is_read_back():
    sink = io.BytesIO()
    tar.Writer(sink).start_file(b"huge", 9 * 1024**3, is_executable=False)

    assert tarfile.TarInfo.frombuf(sink.getvalue(), "utf-8", "strict").size == 9 * 1024**3


@pytest.mark.parametrize("kind_format", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_what_tarfile_wrote_is_unpacked(tmp_path, kind_format):
    long = "d" * 80 + "/" + "n" * 90
    archive = made_by_tarfile(
        ("d" * 80 + "/", tarfile.DIRTYPE, b""),
        (long, tarfile.REGTYPE, b"x" * 700),
        ("link", tarfile.SYMTYPE, b"d/e"),
        kind_format=kind_format,
    )

    folder = unpacked(archive, tmp_path / "out")

    assert (folder / long).read_bytes() == b"x" * 700
    assert os.readlink(folder / "link") == "d/e"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([("../out", tarfile.REGTYPE, b"x")], "path_leaves_tree"),
        ([("/abs", tarfile.REGTYPE, b"x")], "path_leaves_tree"),
        ([("a/../../b", tarfile.REGTYPE, b"x")], "path_leaves_tree"),
        ([("passwd", tarfile.SYMTYPE, b"/etc/passwd")], "link_leaves_tree"),
        ([("d/up", tarfile.SYMTYPE, b"../../x")], "link_leaves_tree"),
        ([("a", tarfile.SYMTYPE, b"b"), ("a/file", tarfile.REGTYPE, b"x")], "archive_damaged"),
        ([("a", tarfile.REGTYPE, b"1"), ("a", tarfile.REGTYPE, b"2")], "archive_damaged"),
        ([("hard", tarfile.LNKTYPE, b"/etc/passwd")], "archive_damaged"),
        ([("fifo", tarfile.FIFOTYPE, b"")], "archive_damaged"),
        ([(".git/hooks/post-checkout", tarfile.REGTYPE, b"x")], "git_entry"),
        ([("sub/.GIT/config", tarfile.REGTYPE, b"x")], "git_entry"),
        ([("git~1/x", tarfile.REGTYPE, b"x")], "git_entry"),
        ([("a", tarfile.REGTYPE, b"x" * 600), ("b", tarfile.REGTYPE, b"x" * 600)], "too_large"),
    ],
)
def test_what_must_not_be_unpacked_is_refused(tmp_path, members, code):
    with pytest.raises(tar.Refused) as caught:
        unpacked(made_by_tarfile(*members), tmp_path / "out", limit_bytes=1000)

    assert caught.value.code == code
    assert os.listdir(tmp_path) == ["out"]


def test_names_that_only_look_like_git_are_files(tmp_path):
    names = [".gitignore", ".github/workflow", "git", "a.git/x", ".gitmodules"]

    folder = unpacked(made_by_tarfile(*((name, tarfile.REGTYPE, b"x") for name in names)), tmp_path / "out")

    assert all((folder / name).exists() for name in names)


@pytest.mark.parametrize("cut", [700, 1200, 513, 100])
def test_an_archive_that_was_cut_is_refused(tmp_path, cut):
    archive = made_by_tarfile(("a", tarfile.REGTYPE, b"x" * 900))

    with pytest.raises(tar.Refused) as caught:
        unpacked(archive[:cut], tmp_path / "out")

    assert caught.value.code == "archive_damaged"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_makes_it_write_elsewhere_or_fail_unclearly(tmp_path_factory, data):
    archive = bytearray(made_by_tarfile(("d/a", tarfile.REGTYPE, b"x" * 50), ("l", tarfile.SYMTYPE, b"d/a")))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    top = tmp_path_factory.mktemp("damaged")

    # An odd name may be too long for the file system.
    with suppress(tar.Refused, OSError):
        unpacked(bytes(archive), top / "out")

    assert os.listdir(top) == ["out"]


def test_members_are_found_where_they_lie(tmp_path):
    """Long names have a block of their own before them, which goes along."""
    long = b"n" * 150
    with (tmp_path / "archive").open("wb") as file:
        writer = tar.Writer(file)
        writer.folder(b"tree")
        writer.file(b"tree/a", b"x" * 600)
        writer.file(long, b"content of the long one")
        writer.link(b"tree/link", long)
        writer.close()

    with (tmp_path / "archive").open("rb") as file:
        found = {it.name: (it.start, it.end) for it in tar.members(file)}
        start, end = found[long]
        file.seek(start)
        piece = file.read(end - start)

    assert list(found) == [b"tree/", b"tree/a", long, b"tree/link"]
    assert [found[name][0] for name in (b"tree/", b"tree/a")] == [0, 512]
    assert len(piece) == 4 * 512
    assert piece.count(long) == 1
    assert b"content of the long one" in piece
