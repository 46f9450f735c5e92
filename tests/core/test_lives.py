"""A backup that somebody put back without a word: the data folder knows that the database was further."""

import pytest

from deploy_core import restoring
from deploy_core.ledger import audit, lives
from deploy_core.models import AuditEntry, StreamHead, sequence
from deploy_core.run import heartbeat


@pytest.fixture(autouse=True)
def _own_folder(db, settings, tmp_path):
    settings.SHIPROOM_DATA = tmp_path


def restore_backup_of(number: int) -> None:
    AuditEntry.objects.filter(number__gt=number).delete()
    StreamHead.objects.filter(kind="audit").update(number=number)


def test_an_older_database_begins_another_life_and_says_what_to_do(caplog):
    for _ in range(3):
        audit.record(None, "person.add", "alice", "done")
    assert not lives.begin()
    first = sequence.epoch()
    restore_backup_of(1)

    assert lives.begin()

    assert sequence.epoch() != first
    assert "manage.py restored" in caplog.text
    assert not lives.begin(), "it is told once"


def test_what_was_restored_as_it_should_be_begins_one_life_only(deployment):
    audit.record(None, "person.add", "alice", "done")
    lives.begin()
    restore_backup_of(0)
    restoring.begin_anew()
    epoch = sequence.epoch()

    assert not lives.begin()
    assert sequence.epoch() == epoch


def test_each_tick_keeps_how_far_it_is():
    lives.begin()
    audit.record(None, "person.add", "alice", "done")
    heartbeat.tick("me", lambda rows: None, lambda name: 0, heartbeat.Watch())
    restore_backup_of(0)

    assert lives.begin()


@pytest.mark.parametrize("content", ["", "nonsense", "abc def", "\0"])
def test_a_file_that_is_none_of_ours_is_written_anew(tmp_path, content):
    (tmp_path / "epoch").write_text(content)

    assert not lives.begin()
    assert (tmp_path / "epoch").read_text() == f"{sequence.epoch()} 0\n"
