"""Sealing: what the database holds opens with the key file only, and only in its place."""

import base64
import errno
import json
import logging
import os
import threading
from pathlib import Path

import pytest

from deploy_core import sealing
from deploy_core.sealing import SealError


@pytest.fixture
def key_file(settings, tmp_path) -> Path:
    """Where a key ring will be, in a data folder of its own."""
    settings.SHIPROOM_DATA = tmp_path
    settings.SHIPROOM_KEY_FILE = str(tmp_path / "keys.json")
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    return tmp_path / "keys.json"


def write_ring(path: Path, ring: object) -> None:
    path.write_text(json.dumps(ring))
    path.chmod(0o600)


def a_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def test_what_is_sealed_opens_again(key_file):
    text = sealing.seal(b"secret \xff", about="credential:5:key")

    assert sealing.open_(text, about="credential:5:key") == b"secret \xff"
    assert "secret" not in text


def test_the_same_secret_is_never_the_same_text(key_file):
    assert sealing.seal(b"x", about="a") != sealing.seal(b"x", about="a")


def test_a_text_copied_to_another_row_does_not_open(key_file):
    text = sealing.seal(b"secret", about="credential:5:key")

    with pytest.raises(SealError) as caught:
        sealing.open_(text, about="credential:6:key")

    assert caught.value.code == "sealed_otherwise"


def test_a_changed_text_does_not_open(key_file):
    text = sealing.seal(b"secret", about="a")

    for changed in (text[:-6] + "AAAAA=", text[3:], "v2" + text[2:], "", "v1.x", text.rpartition(".")[0] + ".AAAA"):
        with pytest.raises(SealError):
            sealing.open_(changed, about="a")


def test_another_key_of_the_same_name_is_told_by_its_id_only(key_file):
    write_ring(key_file, {"primary": "k1", "keys": {"k1": a_key()}})
    text = sealing.seal(b"secret", about="a")
    other = a_key()
    write_ring(key_file, {"primary": "k1", "keys": {"k1": other}})

    with pytest.raises(SealError) as caught:
        sealing.open_(text, about="a")

    assert caught.value.params["key"] == "k1"
    assert other not in str(caught.value)


def test_a_missing_key_is_named(key_file):
    write_ring(key_file, {"primary": "k1", "keys": {"k1": a_key()}})
    text = sealing.seal(b"secret", about="a")
    write_ring(key_file, {"primary": "k2", "keys": {"k2": a_key()}})

    with pytest.raises(SealError) as caught:
        sealing.open_(text, about="a")

    assert (caught.value.code, caught.value.params["key"]) == ("key_missing", "k1")


def test_old_texts_open_after_the_primary_key_changed(key_file):
    first = a_key()
    write_ring(key_file, {"primary": "k1", "keys": {"k1": first}})
    text = sealing.seal(b"secret", about="a")
    write_ring(key_file, {"primary": "k2", "keys": {"k1": first, "k2": a_key()}})

    assert sealing.open_(text, about="a") == b"secret"
    assert sealing.seal(b"new", about="a").startswith("v1.k2.")


def test_the_ring_is_made_once_for_its_owner_alone_and_says_so(key_file, caplog):
    with caplog.at_level(logging.WARNING):
        sealing.seal(b"x", about="a")
    made = key_file.read_text()
    sealing.seal(b"x", about="a")

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_text() == made
    assert [str(key_file) in record.getMessage() for record in caplog.records] == [True]
    assert json.loads(made)["keys"][json.loads(made)["primary"]] not in caplog.text


def test_many_at_once_make_one_ring(key_file):
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(sealing.seal(b"secret", about="a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [sealing.open_(text, about="a") for text in texts] == [b"secret"] * 8
    assert [path.name for path in key_file.parent.iterdir()] == ["keys.json"]


def test_a_named_file_that_is_missing_is_not_made(key_file, settings, tmp_path):
    settings.SHIPROOM_KEY_FILE = str(tmp_path / "elsewhere" / "keys.json")

    with pytest.raises(SealError) as caught:
        sealing.seal(b"x", about="a")

    assert caught.value.code == "key_file_missing"
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_file_that_may_not_be_read_is_named(key_file, monkeypatch):
    write_ring(key_file, {"primary": "k1", "keys": {"k1": a_key()}})

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything

    with pytest.raises(SealError) as caught:
        sealing.seal(b"x", about="a")

    assert caught.value.code == "key_file_unreadable"
    assert caught.value.params == {"file": str(key_file), "problem": "Permission denied"}


def test_a_folder_in_place_of_the_key_file_is_named(key_file):
    key_file.mkdir(mode=0o700)

    with pytest.raises(SealError, match="key_file_unreadable"):
        sealing.seal(b"x", about="a")


def test_production_makes_no_key_beside_its_data(key_file, settings):
    settings.PUBLIC_URL = "https://ship.example.com"

    with pytest.raises(SealError) as caught:
        sealing.seal(b"x", about="a")

    assert caught.value.code == "key_file_missing"


def test_a_file_that_others_may_read_is_refused(key_file):
    sealing.seal(b"x", about="a")
    key_file.chmod(0o644)

    with pytest.raises(SealError) as caught:
        sealing.seal(b"x", about="a")

    assert caught.value.code == "key_file_open"


@pytest.mark.parametrize(
    "ring",
    [
        [],
        {},
        {"primary": "k1", "keys": {}},
        {"primary": "k1", "keys": {"k1": "no base64!"}},
        {"primary": "k1", "keys": {"k1": base64.b64encode(b"short").decode()}},
        {"primary": "k1", "keys": "k1"},
    ],
)
def test_a_file_that_is_no_ring_is_refused(key_file, ring):
    write_ring(key_file, ring)

    with pytest.raises(SealError) as caught:
        sealing.seal(b"x", about="a")

    assert caught.value.code == "key_file_wrong"


def test_keys_that_are_added_at_once_are_all_on_the_ring(key_file):
    sealing.seal(b"x", about="a")
    at_once = threading.Barrier(8)

    def add() -> None:
        at_once.wait()
        sealing.add_key()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sealing.key_ids()[1]) == 9


def test_a_ring_that_changed_within_one_tick_of_the_clock_is_read_again(key_file):
    sealing.seal(b"x", about="a")
    before = key_file.stat()
    added = sealing.add_key()
    os.utime(key_file, ns=(before.st_atime_ns, before.st_mtime_ns))

    sealing.use_key(added)
    os.utime(key_file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert sealing.key_ids()[0] == added
