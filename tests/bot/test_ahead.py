"""What would change, and what did."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core.models import Artifact, Deployment, KnownCommit, KnownRef, Manifest, Release
from deploy_core.rules.manifest import Entry
from deploy_core.rules.manifest import Manifest as Tree
from tests import factories
from tests.bot.test_handle import release_in

REVISIONS = {name: f"{n:x}" * 40 for n, name in enumerate(("base", "one", "two", "three", "side"), 10)}


@pytest.fixture
def history(shop):
    """main is base, one, two, three; the branch side went off at one. As the last fetch saw it."""
    now = timezone.now()
    shop.fetched = now
    shop.save()
    branches = {"main": ["three", "two", "one", "base"], "side": ["side", "one", "base"]}
    authors = {"base": "alice", "one": "alice", "two": "bob", "three": "alice", "side": "carol"}
    for branch, names in branches.items():
        KnownRef.objects.create(app=shop, kind="branch", name=branch, revision=REVISIONS[names[0]], at=now)
        for position, name in enumerate(names):
            KnownCommit.objects.create(
                app=shop,
                branch=branch,
                revision=REVISIONS[name],
                subject=name,
                author=authors[name],
                at=now,
                position=position,
            )
    return shop


def put(environment, name, files=None, *, is_current=True):
    """A release of this commit, on all servers, made of `files`."""
    made = release_in(environment, name, is_current=is_current, ref=name)
    if files is not None:
        made.manifest = tree(files)
    made.revision = REVISIONS[name]
    made.save()
    return made


def tree(files):
    made = Tree(
        {path.encode(): Entry(b"f", content.encode().hex().ljust(64, "0").encode()) for path, content in files.items()}
    )
    fields = {"packed": made.pack(), "files": len(files), "size_bytes": 1}
    return Manifest.objects.get_or_create(id=made.id, defaults=fields)[0]


def facts(reply):
    found = {}
    for name, value in reply.params["table"]["rows"]:
        found.setdefault(name["code"].removeprefix("fact."), []).append(value)
    return found


def test_a_plan_says_what_it_would_change_and_runs_nothing(ask, history, alice, staging):
    put(staging, "one", {"keep": "1", "old": "1", "page": "1"})
    after = tree({"keep": "1", "page": "2", "new": "1"})
    Artifact.objects.create(app=history, revision=REVISIONS["three"], recipe="r", manifest=after, size_bytes=1)

    reply = ask(alice, "/plan shop/main to staging")

    found = facts(reply)
    assert (reply.code, reply.is_public, reply.params["revision"]) == ("plan", False, {"revision": REVISIONS["three"]})
    assert found["live"] == [f"one {REVISIONS['one'][:7]}"]
    assert found["commits"][0]["params"] == {"count": 2, "authors": ["alice", "bob"]}
    assert found["dropped"][0]["code"] == "word.none"
    assert found["files"][0]["params"] == {"added": 1, "changed": 1, "removed": 1}
    assert found["servers"] == [["web-1", "web-2", "web-3"]]
    assert found["obstacle"][0]["code"] == "word.none"
    assert found["takes"][0]["code"] == "word.unknown"
    assert reply.suggest == ("/deploy shop/main to staging",)
    assert not Deployment.objects.exists()


def test_commits_that_would_be_dropped_are_counted_with_their_authors(ask, history, alice, staging):
    put(staging, "side")

    found = facts(ask(alice, "/deploy shop/main to staging --dry-run"))

    assert found["commits"][0]["params"]["count"] == 2
    assert found["dropped"][0]["params"] == {"count": 1, "authors": ["carol"]}
    assert found["files"][0]["code"] == "word.unknown"


def test_an_older_ref_drops_what_came_after_it(ask, history, alice, staging):
    put(staging, "three")

    found = facts(ask(alice, f"/plan shop@{REVISIONS['base'][:7]} to staging"))

    assert found["commits"][0]["code"] == "word.none"
    assert found["dropped"][0]["params"]["count"] == 3


def test_a_plan_names_the_batches_as_what_is_live_has_them(ask, history, alice, staging):
    live = put(staging, "one")
    live.pipeline = "batches: {size: 1, canary: 1}"
    live.save()
    staging.batch_size = 2
    staging.save()

    assert facts(ask(alice, "/plan shop to staging"))["batches"] == [["web-1", "web-2", "web-3"]]
    live.pipeline = "batches: {size: 100%, canary: 1}"
    live.save()
    assert facts(ask(alice, "/plan shop to staging"))["batches"] == [["web-1", "web-2 + web-3"]]


def test_what_the_rows_do_not_reach_is_not_guessed(ask, history, alice, staging):
    release_in(staging, "r9", is_current=True)

    found = facts(ask(alice, "/plan shop/main to staging"))

    assert found["commits"][0]["code"] == found["dropped"][0]["code"] == "word.unknown"


def test_a_plan_names_all_that_stands_in_the_way(ask, history, alice, carol, staging):
    bob = factories.person("bob", role="approver")
    staging.approvals_needed = 1
    staging.save()
    ask(bob, "/lock shop in staging")
    ask(bob, "/freeze shop in staging because an audit")

    found = facts(ask(carol, "/plan shop to staging"))

    assert [each["code"] for each in found["obstacle"]] == [
        "no_permission",
        "frozen",
        "locked",
        "word.needs_approval",
    ]


def test_the_expected_time_is_the_median_of_what_went_well(ask, history, alice, staging):
    for seconds, status in ((10, "succeeded"), (30, "succeeded"), (20, "succeeded"), (999, "failed")):
        end = timezone.now()
        Deployment.objects.create(
            app=history,
            environment=staging,
            requested_by=alice,
            status=status,
            started=end - timedelta(seconds=seconds),
            finished=end,
        )

    assert facts(ask(alice, "/plan shop to staging"))["takes"][0]["params"] == {"seconds": 20, "count": 3}


def test_a_ref_that_no_fetch_saw_is_said_to_be_unknown(ask, history, alice):
    reply = ask(alice, "/plan shop/sidee to staging")

    assert (reply.code, reply.params["near"]) == ("ref_not_known", ["side"])


def test_a_difference_lists_commits_and_files(ask, history, alice, staging, production):
    put(production, "one", {"page": "1"})
    put(staging, "two", {"page": "2", "new": "1"})

    reply = ask(alice, "/diff shop production..staging")

    rows = reply.params["table"]["rows"]
    assert (reply.code, reply.params["source"], reply.params["target"]) == ("diff", "production", "staging")
    assert rows[0][:3] == [{"revision": REVISIONS["two"]}, "two", "bob"]
    assert [(row[0]["code"], row[1]) for row in rows[1:]] == [("file.added", "new"), ("file.changed", "page")]
    assert ask(alice, "/diff shop main to production").params["table"]["rows"][0][1] == "three"
    assert ask(alice, "/diff shop staging..staging").code == "diff.same"


def test_without_anything_live_there_is_no_difference(ask, history, alice):
    assert ask(alice, "/diff shop main to staging").code == "nothing_live"


def test_changes_are_what_touched_servers_since(ask, history, alice, staging):
    now = timezone.now()
    for hours, started in ((1, now), (5, now), (1, None)):
        Deployment.objects.create(
            app=history,
            environment=staging,
            ref=f"{hours}h",
            requested_by=alice,
            status="succeeded" if started else "expired",
            started=started,
            finished=now - timedelta(hours=hours),
        )

    rows = ask(alice, "/changes since 2h in staging").params["table"]["rows"]

    assert [row[4] for row in rows] == ["1h"]
    assert len(ask(alice, "/changes").params["table"]["rows"]) == 2
    assert ask(alice, "/changes since 1m").code == "changes.none"
    assert Release.objects.count() == 0


def test_who_would_leave_out_what_others_shipped_is_told_and_may_look(ask, history, alice, staging):
    put(staging, "side")

    reply = ask(alice, "/deploy shop/main to staging")

    assert reply.code == "requested"
    assert reply.params["dropped"]["params"] == {"count": 1, "authors": ["carol"]}
    assert reply.suggest == ("/diff shop main to staging",)
    assert not ask(alice, reply.suggest[0]).is_error
    carol = factories.person("carol", role="deployer")
    assert ask(carol, "/deploy shop/main to staging").params["dropped"] == ""  # it is her own
