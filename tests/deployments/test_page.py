"""The page of a deployment as the server draws it: moments by their address, very many servers, logs, what is asked."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chatops.deployments import moments
from deploy_core.ledger import log
from deploy_core.models import Deployment, JournalEntry, KnownCommit, Step, StreamHead
from tests import factories
from tests.deployments import journals

BACKEND = "django.contrib.auth.backends.ModelBackend"
DAY = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("13:04:07", DAY + timedelta(hours=5, minutes=4, seconds=7.999)),
        ("2:30", DAY + timedelta(hours=18, minutes=30, milliseconds=999)),
        ("05:00:00", DAY + timedelta(hours=21, milliseconds=999)),
        ("2026-11-27T05:00:00.500Z", DAY + timedelta(hours=5, milliseconds=500)),
        ("2026-11-27T05:00", None),
        ("yesterday", None),
        ("25:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-11:00", None),
    ],
)
def test_a_moment_is_the_one_within_the_run_by_the_clocks_of_who_says_it(given, expected):
    begin, end = DAY + timedelta(hours=5), DAY + timedelta(hours=20)

    found = moments.asked(given, ZoneInfo("Asia/Shanghai"), begin, end)

    assert found == expected


@pytest.fixture
def reader(client, db):
    client.force_login(factories.person("alice", role="deployer"), backend=BACKEND)
    return client


def _stored(servers, **more):
    """A deployment whose journal is one that a run writes."""
    app = factories.app("shop")
    environment = factories.environment(app, "live", servers=tuple(factories.server(name) for name in servers[:2]))
    person = factories.person("bob")
    deployment = Deployment.objects.create(app=app, environment=environment, ref="main", requested_by=person)
    entries = journals.run(servers, **more)
    JournalEntry.objects.bulk_create(
        JournalEntry(deployment=deployment, number=each.number, kind=each.kind, payload=each.payload, at=each.at)
        for each in entries
    )
    StreamHead.objects.create(kind="deployment", stream_id=deployment.pk, number=len(entries))
    return deployment, entries


def test_an_address_shows_the_deployment_as_it_stood(reader):
    deployment, entries = _stored(["a", "b"], ill="b")
    failed = next(each for each in entries if each.payload.get("to") == "failed" and each.kind == "step.moved")

    now = reader.get(f"/deployments/{deployment.pk}/").content.decode()
    then = reader.get(f"/deployments/{deployment.pk}/", {"at": failed.at.isoformat()}).content.decode()
    first = reader.get(f"/deployments/{deployment.pk}/", {"at": "2026-11-27T13:00:02.000Z"}).content.decode()

    assert 'id="deployment" data-status="failed"' in now
    assert 'id="deployment" data-status="running"' in then
    assert 'data-key="health:b" data-status="failed"' in then
    assert 'data-key="back:b"' in now
    assert 'data-key="back:b"' not in then
    assert 'id="deployment" data-status="planning"' in first
    assert f"?at={failed.at.isoformat(timespec='milliseconds').replace('+00:00', 'Z').replace(':', '%3A')}" in now


def test_very_many_servers_stand_on_pages_trouble_first(reader):
    names = [f"web-{number}" for number in range(1, 251)]
    deployment, _ = _stored(names, ill="web-249")

    first = reader.get(f"/deployments/{deployment.pk}/").content.decode()
    last = reader.get(f"/deployments/{deployment.pk}/?servers=3").content.decode()

    assert first.count("<tr data-server=") == 100
    assert first.index('data-server="web-249"') < first.index('data-server="web-1"')
    assert last.count("<tr data-server=") == 50
    assert 'data-server="web-250"' in last
    assert first.count('class="step ') < 60
    assert len(first) < 800_000


def test_the_journal_and_the_changes_are_asked_for_in_pages(reader, monkeypatch):
    monkeypatch.setattr("chatops.deployments.views.ENTRIES", 10)
    deployment, entries = _stored(["a"])
    for position, revision in enumerate(("f" * 40, "d" * 40, "e" * 40)):
        told = {"revision": revision, "subject": f"No. {position}", "author": "Ann", "at": DAY, "position": position}
        KnownCommit.objects.create(app=deployment.app, branch="main", **told)
    address = f"/deployments/{deployment.pk}"

    first = reader.get(f"{address}/journal/").json()
    rest = reader.get(f"{address}/journal/?after=10").json()
    changes = reader.get(f"{address}/changes/").json()

    assert first["more"]
    assert first["events"] + rest["events"][: len(entries) - 10] == [journals.frame(each) for each in entries[:20]]
    assert [(each["subject"], each["author"]) for each in changes["commits"]] == [("No. 0", "Ann"), ("No. 1", "Ann")]
    assert "No. 1" in reader.get(f"{address}/").content.decode()


def test_logs_are_searched_linked_and_come_as_one_file(reader):
    deployment, _ = _stored(["a"])
    step = Step.objects.create(deployment=deployment, key="build", kind="build", position=2)
    with log.LogWriter(step.pk, deployment.epoch) as writer:
        writer.write("o", "\n".join(f"line {number}" for number in range(1, 1501)))
    address = f"/deployments/{deployment.pk}/log/build/"

    assert reader.get(f"{address}find/?q=LINE 150").json() == {"count": 2, "lines": [150, 1500]}
    assert reader.get(f"{address}until/?ms=99999999999999").json() == {"line": 1500}
    assert reader.get(f"{address}until/?ms=x").json() == {"line": 0}
    assert reader.get(f"{address}?line=1400")["Location"] == f"{address}?from=900#L1400"
    found = reader.get(f"{address}?q=line 150").content.decode()
    assert "2 lines with “line 150”" in found
    assert 'href="?line=1500#L1500"' in found
    answer = reader.get(f"/deployments/{deployment.pk}/logs.zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        (name,) = archive.namelist()
        assert (name.endswith("0002-build.log"), archive.read(name).decode().splitlines()[-1]) == (True, "line 1500")


@pytest.mark.parametrize(
    "part", ["", "changes/", "journal/", "logs.zip", "log/build/", "log/build/find/", "log/build/until/"]
)
def test_nothing_of_a_deployment_is_shown_to_who_may_not_see_it(reader, part):
    deployment, _ = _stored(["a"])
    Step.objects.create(deployment=deployment, key="build", kind="build", position=2)
    reader.force_login(factories.person("erin"), backend=BACKEND)

    assert reader.get(f"/deployments/{deployment.pk}/{part}").status_code == 404
    assert reader.get(f"/deployments/{2**63}/{part}").status_code == 404
