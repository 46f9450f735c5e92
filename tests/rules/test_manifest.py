"""The manifest: one text for one tree, whatever its names are."""

import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy_core.rules import layout
from deploy_core.rules.manifest import (
    Entry,
    Manifest,
    ManifestError,
    is_inside,
    leaves_tree,
    sums,
    unpack,
)

A_SUM = hashlib.sha256(b"a").hexdigest().encode()

names = st.binary(min_size=1, max_size=8).filter(lambda n: not {0, 47} & set(n) and n not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
entries = st.one_of(
    st.builds(Entry, st.sampled_from([b"f", b"fx"]), st.just(A_SUM)),
    st.builds(Entry, st.just(b"l"), st.binary(min_size=1, max_size=12).filter(lambda t: 0 not in t)),
    st.just(Entry(b"d", b"")),
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(paths, entries, max_size=6))
def test_what_was_packed_comes_back(tree):
    manifest = Manifest(tree)

    assert unpack(manifest.pack()) == manifest


def test_the_id_does_not_depend_on_the_order():
    one = Manifest({b"a": Entry(b"f", A_SUM), b"b": Entry(b"l", b"a")})
    other = Manifest({b"b": Entry(b"l", b"a"), b"a": Entry(b"f", A_SUM)})

    assert one.id == other.id


@pytest.mark.parametrize("change", [Entry(b"fx", A_SUM), Entry(b"f", b"0" * 64), Entry(b"l", A_SUM)])
def test_the_id_changes_with_kind_and_content(change):
    assert Manifest({b"a": change}).id != Manifest({b"a": Entry(b"f", A_SUM)}).id


@pytest.mark.parametrize(
    "text",
    [
        b"f\0a\0",
        b"f\0a\0x",
        b"q\0a\0x\0",
        b"f\0../a\0x\0",
        b"f\0/a\0x\0",
        b"f\0a\0x\0f\0a\0y\0",
    ],
)
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ManifestError):
        unpack(zlib.compress(text))


def test_a_damaged_pack_is_refused():
    packed = Manifest({b"a": Entry(b"f", A_SUM)}).pack()

    for damaged in (packed[:-1], packed + b"x", b"x" + packed):
        with pytest.raises(ManifestError):
            unpack(damaged)


@pytest.mark.parametrize("path", [b"", b"/a", b"a//b", b"a/", b"../a", b"a/../b", b"./a", b"a\0b"])
def test_a_path_that_is_not_plainly_inside_is_outside(path):
    assert not is_inside(path)


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        (b"a", b"b", False),
        (b"a", b"b/c", False),
        (b"d/a", b"../b", False),
        (b"d/e/a", b"../../b", False),
        (b"a", b"..", True),
        (b"d/a", b"../../b", True),
        (b"a", b"/etc/passwd", True),
        (b"a", b"", True),
        (b"a", b".", False),
        (b"d/a", b"b/../../c", True),
    ],
)
def test_a_link_may_point_into_its_tree_only(path, target, leaves):
    assert leaves_tree(path, target) is leaves


def test_servers_read_the_sums_of_the_oddest_names(tmp_path):
    odd = [
        b"plain",
        b"new\nline",
        b"back\\slash",
        b"car\rriage",
        b"end\r",
        b"\xff\xfe",
        b"-rf",
        b"$(touch canary)",
        b" *star",
    ]
    for name in odd:
        Path(bytes(tmp_path).decode(), name.decode("utf-8", "surrogateescape")).write_bytes(b"a")
    manifest = Manifest({name: Entry(b"f", A_SUM) for name in odd})

    done = subprocess.run(["sha256sum", "-c", "--strict"], input=sums(manifest), cwd=tmp_path, capture_output=True)

    assert done.returncode == 0, done
    assert done.stdout.count(b": OK\n") == len(odd)


def test_servers_list_kinds_as_the_manifest_sums_them(tmp_path):
    (tmp_path / "folder" / "empty").mkdir(parents=True)
    (tmp_path / "folder" / "file").write_bytes(b"a")
    (tmp_path / "run").write_bytes(b"a")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "li nk\n").symlink_to("folder/file")
    manifest = Manifest(
        {
            b"folder/empty": Entry(b"d", b""),
            b"folder/file": Entry(b"f", A_SUM),
            b"run": Entry(b"fx", A_SUM),
            b"li nk\n": Entry(b"l", b"folder/file"),
        }
    )
    script = f"export LC_ALL=C; {layout.KINDS_LISTING} | sort -z | sha256sum"

    printed = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, check=True).stdout

    assert printed.split()[0].decode() == manifest.kinds_sum
