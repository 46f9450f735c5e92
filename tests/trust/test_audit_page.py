"""The audit: its page, its export, its heads outside the database, and the command that checks all of it."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from chatops.room.models import Message
from chatops.trust import anchoring
from deploy_core.ledger import anchors, audit
from deploy_core.models import AuditAnchor, AuditEntry, Person
from deploy_core.models.sequence import StreamHead
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def heads(settings, tmp_path):
    settings.AUDIT_ANCHORS = str(tmp_path / "heads.jsonl")
    settings.AUDIT_ANCHOR_S = 3600
    return tmp_path / "heads.jsonl"


@pytest.fixture
def chain():
    alice = factories.person("alice")
    audit.record(alice, "deployment.request", "shop/staging #1", "accepted", ref="main")
    audit.record(alice, "command.deploy", "shop/production", "no_permission", surface="web")
    audit.record(None, "executor.taken_over", "embedded", "done")
    audit.record(alice, "lock.take", "=cmd|' /C calc'!A0", "done")
    return alice


@pytest.fixture
def client(chain):
    client = Client()
    client.force_login(factories.person("boss", role="manager"))
    return client


def verify(**options) -> tuple[int, str]:
    said = io.StringIO()
    try:
        call_command("audit", "verify", stdout=said, **options)
    except CommandError as error:
        return 1, f"{error}.\n"
    return 0, said.getvalue()


def forge(number: int, **fields) -> None:
    """Change a row and write the chain anew from there, as somebody with the whole database can."""
    AuditEntry.objects.filter(number=number).update(**fields)
    for entry in AuditEntry.objects.filter(number__gte=number).order_by("number"):
        before = AuditEntry.objects.filter(number=entry.number - 1).first()
        entry.previous_hash = before.hash if before else "0" * 64
        entry.hash = audit._hash(entry)
        entry.save()


def cut(count: int) -> None:
    """Take the last rows away, and the head back."""
    head = AuditEntry.objects.count() - count
    AuditEntry.objects.filter(number__gt=head).delete()
    StreamHead.objects.filter(kind="audit").update(number=head)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [4, 3, 2, 1]),
        ("who=alice", [4, 2, 1]),
        ("what=deployment.", [1]),
        ("on=production", [2]),
        ("outcome=refused", [2]),
        ("outcome=done", [4, 3, 1]),
        ("since=2999-01-01", []),
        ("until=2000-01-01", []),
        ("since=0001-01-01&until=9999-12-31", [4, 3, 2, 1]),
        ("since=nonsense&before=x&outcome=maybe", [4, 3, 2, 1]),
        ("before=3", [2, 1]),
    ],
)
def test_the_page_shows_what_the_filters_leave(client, query, numbers):
    rows = client.get(f"/audit/?{query}").context["rows"]

    assert [row.number for row in rows if row.number <= 4] == numbers


def test_older_rows_are_a_page_away(client):
    for _ in range(101):
        audit.record(None, "noise", "", "done")

    first = client.get("/audit/?what=noise")
    second = client.get(f"/audit/?{first.context['more']}")

    assert len(first.context["rows"]) == 100
    assert len(second.context["rows"]) == 1


def test_an_export_holds_what_the_page_shows_and_is_audited(client):
    text = b"".join(client.get("/audit/export.jsonl?outcome=refused").streaming_content).decode()

    assert [json.loads(line)["action"] for line in text.splitlines()] == ["command.deploy"]
    assert AuditEntry.objects.last().action == "audit.export"


def test_a_spreadsheet_runs_nothing_of_what_people_typed(client):
    text = b"".join(client.get("/audit/export.csv").streaming_content).decode()

    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


def test_a_good_chain_with_its_head_verifies(chain, heads):
    anchors.drop()

    assert verify() == (0, "4 rows are good; the newest head outside is of row 4.\n")
    assert heads.stat().st_mode & 0o077 == 0


def test_an_edit_is_named(chain):
    AuditEntry.objects.filter(number=2).update(outcome="accepted")

    assert verify() == (1, "1 rows are good; row 2 was changed, or a row before it is missing.\n")


def test_a_chain_that_was_written_anew_is_betrayed_by_its_head(chain):
    anchors.drop()
    forge(2, outcome="accepted")

    assert audit.verify() == (4, None)
    assert verify() == (1, "4 rows are good; row 4 is not the one whose head was written down.\n")


def test_a_tail_that_was_cut_off_cleanly_is_missed(chain):
    anchors.drop()
    cut(3)

    assert audit.verify() == (1, None)
    assert verify() == (1, "1 rows are good; rows from 2 on are missing.\n")


def test_a_head_that_a_room_was_told_does_the_same(chain):
    told = AuditEntry.objects.last()
    head = f"{told.number}:{told.hash}"
    assert verify(head=head)[0] == 0

    forge(1, target="shop/production #1")

    assert verify(head=head) == (1, "4 rows are good; row 4 is not the one whose head was written down.\n")


@pytest.mark.parametrize(
    "line", ['{"number": 4, "hash": "00", "signature": "k.00"}', "nonsense", "[]", '{"number": 1}']
)
def test_a_forged_head_is_no_head(chain, heads, line):
    anchors.drop()
    signature = json.loads(heads.read_text())["signature"]
    heads.write_text(line.replace("k.00", f"{signature.partition('.')[0]}.{'0' * 64}") + "\n")

    status, said = verify()

    assert status == 1
    assert "not signed by this key ring" in said


@pytest.mark.parametrize("signature", ["", "retired.00", "no dot"])
def test_who_has_no_key_writes_no_heads_for_a_history_of_their_own(chain, heads, signature):
    anchors.drop()
    forge(2, outcome="accepted")
    line = json.loads(heads.read_text()) | {"hash": AuditEntry.objects.get(number=4).hash, "signature": signature}
    heads.write_text(json.dumps(line) + "\n")

    assert verify() == (1, "4 rows are good; a head in the file is not signed by this key ring (row 4).\n")


def test_heads_of_a_key_that_was_retired_stand_beside_newer_ones(chain, heads, settings, tmp_path):
    settings.SHIPROOM_DATA, settings.SHIPROOM_KEY_FILE = tmp_path, str(tmp_path / "keys.json")
    anchors.drop()
    old = json.loads(heads.read_text())
    heads.write_text(json.dumps(old | {"signature": "retired.00"}) + "\n")
    call_command("keys", "rotate", stdout=io.StringIO())

    assert verify() == (0, "5 rows are good; the newest head outside is of row 5.\n")
    heads.write_text(json.dumps(old | {"signature": "retired.00", "hash": "0" * 64}) + "\n" + heads.read_text())
    assert verify()[0] == 1


def test_a_head_of_a_row_that_no_database_can_number_is_a_missing_row(chain):
    assert verify(head=f"{10**30}:00") == (1, "4 rows are good; rows from 5 on are missing.\n")


def test_a_head_is_dropped_when_it_is_due_and_told_to_the_room_once(chain, settings):
    settings.AUDIT_ROOM = "ops"
    factories.room("ops", members=(chain,))

    for _ in range(3):
        anchoring.tick()

    assert AuditAnchor.objects.count() == 1
    said = Message.objects.get(code="announce.audit_head")
    assert said.params["head"] == f"4:{AuditEntry.objects.get(number=4).hash}"


def test_nothing_new_no_head(chain, settings):
    settings.AUDIT_ANCHOR_S = 0
    anchoring.tick()
    anchoring.tick()
    audit.record(None, "noise", "", "done")
    anchoring.tick()

    assert list(AuditAnchor.objects.values_list("number", flat=True)) == [4, 5]


def test_a_file_that_cannot_be_written_stops_nobody(chain, settings, caplog):
    settings.AUDIT_ANCHORS = "/proc/nowhere/heads"

    assert anchors.drop() is not None
    assert "could not be written" in caplog.text


def test_the_command_needs_a_verb():
    with pytest.raises(CommandError):
        call_command("audit")
    assert Person.objects.count() == 0
