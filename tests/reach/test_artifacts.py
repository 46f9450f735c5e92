"""Artifacts: the same tree is the same file, and everything in it is in its manifest."""

import fcntl
import gzip
import hashlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zstandard

from deploy_core.errors import BuildError
from deploy_core.reach import artifacts, deltas, packs, tar
from deploy_core.rules.delta import Delta
from deploy_core.rules.manifest import Entry, Manifest, unpack


@pytest.fixture
def tree(tmp_path) -> Path:
    top = tmp_path / "tree"
    (top / "lib/deep").mkdir(parents=True)
    (top / "log").mkdir()
    (top / "lib/deep/a.py").write_text("a = 1\n")
    (top / "run").write_text("#!/bin/sh\n")
    (top / "run").chmod(0o755)
    (top / "link").symlink_to("lib/deep/a.py")
    return top


def test_the_manifest_names_all_that_is_in_the_tree(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")

    entries = {path: entry.kind for path, entry in stored.manifest.entries.items()}
    assert entries == {b"lib/deep/a.py": b"f", b"run": b"fx", b"link": b"l", b"log": b"d"}
    assert stored.manifest.entries[b"lib/deep/a.py"].value == hashlib.sha256(b"a = 1\n").hexdigest().encode()
    assert unpack(stored.manifest.pack()) == stored.manifest
    assert stored.path.name == f"{stored.manifest.id}.tar"


def test_the_same_tree_is_the_same_file_whenever_it_was_made(tree, tmp_path):
    one = artifacts.store(tree, tmp_path / "one")
    for path in tree.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (tree / "run").chmod(0o700)
    other = artifacts.store(tree, tmp_path / "other")

    assert one.path.read_bytes() == other.path.read_bytes()


def test_a_tree_comes_back_from_its_artifact(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")
    subprocess.run(["tar", "-xf", stored.path], cwd=tmp_path / "artifacts", check=True)

    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "../sums"], cwd=tmp_path / "artifacts/tree", capture_output=True, check=True
    )

    assert done.stdout == b"./lib/deep/a.py: OK\n./run: OK\n"
    assert os.readlink(tmp_path / "artifacts/tree/link") == "lib/deep/a.py"
    assert (tmp_path / "artifacts/tree/log").is_dir()


def test_what_is_excluded_or_not_included_stays_here(tree, tmp_path):
    (tree / "node_modules/x").mkdir(parents=True)
    (tree / "node_modules/x/y.js").write_text("y")
    (tree / "lib/a.pyc").write_text("c")

    without = artifacts.store(tree, tmp_path / "one", exclude=["node_modules", "**/*.pyc"])
    only = artifacts.store(tree, tmp_path / "two", include=["lib"], exclude=["**/*.pyc"])

    assert set(without.manifest.entries) == {b"lib/deep/a.py", b"run", b"link", b"log"}
    assert set(only.manifest.entries) == {b"lib/deep/a.py"}


def test_a_large_file_is_read_once_and_whole(tree, tmp_path):
    content = os.urandom(2_500_000)
    (tree / "large").write_bytes(content)

    stored = artifacts.store(tree, tmp_path / "artifacts")

    assert stored.manifest.entries[b"large"].value == hashlib.sha256(content).hexdigest().encode()


def test_a_link_out_of_the_tree_is_refused(tree, tmp_path):
    (tree / "lib/passwd").symlink_to("/etc/passwd")

    with pytest.raises(BuildError) as caught:
        artifacts.store(tree, tmp_path / "artifacts")

    assert (caught.value.code, caught.value.params["path"]) == ("link_leaves_tree", "lib/passwd")
    assert os.listdir(tmp_path / "artifacts") == []


def test_a_loop_of_links_is_a_link(tree, tmp_path):
    (tree / "loop").symlink_to(".")

    assert artifacts.store(tree, tmp_path / "artifacts").manifest.entries[b"loop"].value == b"."


def test_a_socket_is_refused_by_its_name(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as it:
        it.bind("odd\n\x1b")

        with pytest.raises(BuildError) as caught:
            artifacts.store(tree, tmp_path / "artifacts")

    assert (caught.value.code, caught.value.params["path"]) == ("odd_file", r"odd\n\x1b")


def test_a_tree_over_the_limit_is_refused_and_leaves_nothing(tree, tmp_path):
    with (tree / "sparse").open("wb") as file:
        file.truncate(3_000_000)

    with pytest.raises(BuildError) as caught:
        artifacts.store(tree, tmp_path / "artifacts", limit_bytes=2_000_000)

    assert (caught.value.code, caught.value.params["path"]) == ("too_large", "sparse")
    assert os.listdir(tmp_path / "artifacts") == []


def test_an_artifact_is_found_by_its_manifest(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")

    assert artifacts.find(stored.manifest, tmp_path / "artifacts") == stored
    assert artifacts.find(stored.manifest, tmp_path) is None


def test_many_senders_compress_it_once(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")
    found: list[packs.Packed] = []
    threads = [threading.Thread(target=lambda: found.append(packs.packed(stored, "zstd"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 6
    assert len({str(it) for it in found}) == 1
    assert zstandard.ZstdDecompressor().stream_reader(found[0].path.read_bytes()).read() == stored.path.read_bytes()
    for program, checksum in found[0].sums.items():
        told = subprocess.run([program, found[0].path], check=True, capture_output=True, text=True)
        assert told.stdout.split()[0] == checksum
    assert gzip.decompress(packs.packed(stored, "gzip").path.read_bytes()) == stored.path.read_bytes()
    assert not [name for name in os.listdir(tmp_path / "artifacts") if name.endswith(".part")]


def test_a_frozen_process_that_has_the_lock_keeps_nobody_for_ever(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "ALONE_S", 0.1)
    stored = artifacts.store(tree, tmp_path / "artifacts")

    with stored.path.with_name(f"{stored.path.name}.gz.lock").open("w") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        packed = packs.packed(stored, "gzip")

    assert gzip.decompress(packed.path.read_bytes()) == stored.path.read_bytes()


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        (b"run", Entry(b"f", b"")),
        (b"link", Entry(b"l", b"elsewhere")),
        (b"log", None),
        (b"more", Entry(b"d", b"")),
        (b"lib/deep/a.py", Entry(b"f", b"0" * 64)),
    ],
)
def test_what_is_not_as_the_manifest_says_is_not_sent(tree, tmp_path, path, entry):
    stored = artifacts.store(tree, tmp_path / "artifacts")
    entries = {name: it for name, it in stored.manifest.entries.items() if name != path}
    if entry:
        value = entry.value or stored.manifest.entries[path].value if path in stored.manifest.entries else b""
        entries[path] = Entry(entry.kind, value)

    with pytest.raises(artifacts.Damaged, match=path.decode()):
        packs.packed(artifacts.Artifact(Manifest(entries), stored.path, stored.size_bytes), "gzip")


@pytest.mark.parametrize("at", [0, 100, 108, 124, 136, 148, 156, 157, 257])
def test_a_wrong_byte_in_any_field_of_a_header_is_noticed_and_the_file_removed(tree, tmp_path, at):
    stored = artifacts.store(tree, tmp_path / "artifacts")
    whole = stored.path.read_bytes()
    with stored.path.open("rb") as file:
        headers = [member.start for member in tar.members(file)]

    for start in headers:
        stored.path.write_bytes(whole[: start + at] + bytes((whole[start + at] ^ 1,)) + whole[start + at + 1 :])
        assert artifacts.drop_damaged(stored)
        assert not stored.path.exists()
    with pytest.raises(artifacts.Damaged):
        packs.packed(stored, "gzip")


def test_a_header_that_tar_would_not_take_goes_into_no_delta_either(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")
    base = deltas.Base("r1", Delta(Manifest({}), stored.manifest, ()), is_spare=False)
    whole = bytearray(stored.path.read_bytes())
    whole[tar.BLOCK + 108] ^= 1
    stored.path.write_bytes(whole)

    with pytest.raises(artifacts.Damaged):
        deltas.packed(stored, base, "gzip", checks=False)


def test_a_whole_artifact_stays(tree, tmp_path):
    stored = artifacts.store(tree, tmp_path / "artifacts")

    assert not artifacts.drop_damaged(stored)
    assert stored.path.exists()


def test_what_a_killed_process_did_not_finish_is_removed_after_a_day(tmp_path):
    old, young, whole = (tmp_path / name for name in (".old.part", ".young.part", "0.tar"))
    for path in (old, young, whole):
        path.touch()
    os.utime(old, (1, 1))
    os.utime(whole, (1, 1))

    assert artifacts.clear_parts(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == [young, whole]


def test_a_large_artifact_is_compressed_in_little_memory(tmp_path):
    """In a process of its own, whose peak (proc(5)) nothing else has raised; what does not compress takes the most."""
    script = """
import os, sys
from pathlib import Path
from deploy_core.reach import artifacts, packs
peak = lambda: next(int(it.split()[1]) for it in open("/proc/self/status") if it.startswith("VmHWM"))
tree = Path(sys.argv[1]) / "tree"
tree.mkdir()
for number in range(64):
    (tree / str(number)).write_bytes(os.urandom(2**20))
stored = artifacts.store(tree, Path(sys.argv[1]) / "artifacts")
before = peak()
packs.packed(stored, "zstd")
print(peak() - before)
"""

    done = subprocess.run([sys.executable, "-c", script, tmp_path], check=True, capture_output=True, text=True)

    assert int(done.stdout) < 44 * 1024
