"""Locks, freezes, queues and schedules, as they are typed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core import deployments
from deploy_core.models import AuditEntry, Deployment, Freeze, Lock, Notice, Schedule
from deploy_core.safety import due, locks
from tests import factories
from tests.bot.test_handle import cells, release_in


@pytest.fixture
def bob(db):
    return factories.person("bob", role="approver")


@pytest.fixture
def dana(db):
    return factories.person("dana", role="manager")


def test_a_lock_keeps_others_out_and_offers_the_queue(ask, alice, bob):
    locked = ask(bob, "/lock shop in staging for 2h because a database migration")

    refused = ask(alice, "/deploy shop/main to staging")

    assert (locked.code, locked.is_public) == ("locked_now", True)
    assert Lock.objects.get().expires - timezone.now() < timedelta(hours=2)
    assert (refused.code, refused.is_error) == ("locked", True)
    assert (refused.params["by"], refused.params["reason"]) == ("bob", "a database migration")
    assert refused.suggest[0] == "/deploy shop/main to staging --queue"
    assert not Deployment.objects.exists()
    assert ask(alice, "/deploy shop to production").code == "requested"
    assert ask(bob, "/deploy shop to staging").code == "requested"


def test_the_offered_line_waits_behind_the_lock(ask, alice, bob):
    ask(bob, "/lock shop in staging")

    reply = ask(alice, "/deploy shop to staging --queue")

    assert (reply.code, reply.params["lock_by"]) == ("requested.behind_lock", "bob")
    assert Deployment.objects.get().waits_for_lock


@pytest.mark.parametrize("line", ["/lock staging on shop: doing stuff!", "/deploy:lock shop to staging", "/lock shop"])
def test_every_spelling_locks_and_a_reason_steals_nothing(ask, alice, bob, line):
    ask(bob, "/lock shop")

    assert ask(alice, line).code == "locked"
    assert Lock.objects.get().owner == bob


def test_a_lock_that_is_taken_over_is_told_to_its_owner(ask, alice, bob):
    ask(bob, "/lock shop in staging because a migration")

    reply = ask(alice, "/lock! shop in staging because it burns")

    assert (reply.code, reply.params["owner"]) == ("locked_now.stolen", "bob")
    notice = Notice.objects.get()
    assert (notice.code, notice.person, notice.params["by"]) == ("lock_stolen", bob, "alice")
    assert [row.owner for row in locks.standing()] == [alice]


def test_a_wider_lock_is_not_taken_over_by_a_narrow_one(ask, alice, bob):
    ask(bob, "/lock shop")

    assert ask(alice, "/lock! shop in staging").code == "locked"


def test_ones_own_lock_gets_a_new_end_and_reason(ask, alice):
    ask(alice, "/lock shop in staging for 1h because one")
    ask(alice, "/lock shop in staging for 9h because two")

    row = Lock.objects.get()
    assert row.reason == "two"
    assert row.expires > timezone.now() + timedelta(hours=8)


def test_only_its_owner_gives_a_lock_back_unless_forced(ask, alice, bob):
    ask(bob, "/lock shop in production")

    refused = ask(alice, "/unlock prod on shop")

    assert (refused.code, refused.params["by"]) == ("lock_not_yours", "bob")
    assert "/unlock! shop in production" in refused.suggest
    assert AuditEntry.objects.filter(action="command.unlock", outcome="lock_not_yours").exists()
    assert ask(alice, "/unlock! shop in production").code == "unlocked"
    assert Notice.objects.get().code == "lock_removed"
    assert ask(alice, "/unlock shop in production").code == "not_locked"


def test_all_of_mine_are_given_back_at_once(ask, alice, bob):
    for line in ("/lock shop in staging", "/lock shop in production"):
        ask(alice, line)
    everywhere = factories.person("erin", role="deployer")
    ask(everywhere, "/lock --global because the network is down")

    reply = ask(alice, "/unlock all")

    assert reply.params == {"count": 2}
    assert [row.owner.username for row in locks.standing()] == ["erin"]


def test_a_global_lock_needs_the_right_everywhere(ask, shop):
    someone = factories.person("frank", role="deployer", app=shop)

    assert ask(someone, "/lock --global").code == "no_permission.lock"


def test_a_lock_runs_out_and_the_room_is_told(ask, alice, bob):
    ask(bob, "/lock shop in staging")
    Lock.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert ask(alice, "/deploy shop to staging").code == "requested"
    due.act()

    assert Lock.objects.get().released
    assert (Notice.objects.get().code, Notice.objects.get().app.name) == ("announce.lock_expired", "shop")


def test_a_lock_of_somebody_who_left_lapses_and_is_said(ask, alice, bob):
    ask(bob, "/lock shop in staging")
    bob.is_active = False
    bob.save()

    assert ask(alice, "/deploy shop to staging").code == "requested"
    due.act()
    due.act()

    assert [notice.code for notice in Notice.objects.all()] == ["announce.lock_lapsed"]


def test_the_list_shows_what_its_reader_may_see(ask, alice, bob):
    ask(bob, "/lock shop in staging because a migration")

    shown = ask(alice, "/locks shop staging")

    assert (cells(shown, "by"), cells(shown, "reason")) == (["bob"], ["a migration"])
    assert ask(alice, "/locks shop production").code == "locks.none"
    assert ask(factories.person("guest"), "/locks", apps=()).code == "locks.none"


def test_a_freeze_refuses_and_offers_when_it_ends(ask, alice, bob):
    assert ask(alice, "/freeze shop in staging for 2h because an audit").code == "no_permission.approve"
    assert ask(bob, "/freeze shop in staging for 2h").code == "reason_required"
    assert ask(bob, "/freeze shop in staging for 2h because an audit").code == "frozen_now"

    refused = ask(alice, "/deploy shop/main to staging")

    assert (refused.code, refused.params["reason"], refused.params["by"]) == ("frozen", "an audit", "bob")
    assert refused.suggest[0].startswith("/deploy shop/main to staging at 20")
    assert ask(alice, refused.suggest[0]).code == "requested.scheduled"
    assert ask(alice, "/deploy shop to production").code == "requested"
    assert ask(bob, "/unfreeze shop in staging").code == "unfrozen"
    assert ask(bob, "/unfreeze shop in staging").code == "not_frozen"
    assert ask(alice, "/deploy shop to staging").code == "requested.queued"


def test_everything_is_frozen_by_those_who_may_everywhere(ask, alice, bob):
    assert ask(bob, "/freeze all until 2027-01-02 because holidays").code == "frozen_now"

    assert Freeze.objects.get().app is None
    assert ask(alice, "/deploy shop to production").code == "frozen"
    assert cells(ask(alice, "/freezes"), "reason") == ["holidays"]


def test_force_needs_a_right_and_a_reason_and_is_said(ask, alice, bob, dana):
    ask(bob, "/freeze shop in staging because an audit")
    ask(bob, "/lock shop in staging")

    assert ask(alice, "/deploy! shop to staging because it burns").code == "no_permission.manage"
    without = ask(dana, "/deploy! shop to staging")
    assert without.code == "reason_required"
    assert without.suggest[0] == "/deploy! shop to staging because …"
    assert ask(dana, without.suggest[0]).code == "reason_required"

    reply = ask(dana, "/deploy! shop to staging because it burns")

    assert (reply.code, reply.params["because"], reply.is_public) == ("requested.forced", "it burns", True)
    assert AuditEntry.objects.get(action="deployment.request").params["forced"] == "it burns"


def test_a_rollback_is_forced_by_whoever_may_roll_back(ask, alice, bob, staging):
    release_in(staging, "r1", by=bob)
    release_in(staging, "r2", by=bob, is_current=True)
    ask(bob, "/lock shop in staging")

    assert ask(alice, "/rollback shop in staging").code == "locked"

    assert ask(alice, "/rollback! shop in staging because it burns").code == "rollback_requested.forced"


def test_a_rollback_with_a_reason_locks_what_it_mended(ask, alice, bob, staging):
    release_in(staging, "r1", by=bob)
    release_in(staging, "r2", by=bob, is_current=True)

    ask(alice, "/rollback shop in staging because carts are empty")

    refused = ask(bob, "/deploy shop to staging")
    assert (refused.code, refused.params["reason"]) == ("locked", "carts are empty")


def test_a_schedule_is_read_by_the_speakers_clocks_and_echoed(ask, alice):
    alice.time_zone = "Asia/Tokyo"
    alice.save()

    reply = ask(alice, "/deploy shop to staging at 2027-01-02T09:30")

    assert reply.code == "requested.scheduled"
    assert (reply.params["local"], reply.params["zone"]) == ("2027-01-02 09:30", "Asia/Tokyo")
    row = Schedule.objects.get()
    assert (row.at.isoformat(), row.time_zone) == ("2027-01-02T00:30:00+00:00", "Asia/Tokyo")
    assert cells(ask(alice, "/schedules"), "command") == [{"line": f"/cancel #{row.deployment_id}"}]
    assert ask(alice, f"/cancel #{row.deployment_id}").code == "cancel_done"


def test_a_time_with_two_readings_is_refused_with_a_line_for_each(ask, alice):
    alice.time_zone = "Europe/Berlin"
    alice.save()

    reply = ask(alice, "/deploy shop to staging at 2027-10-31T02:30")

    assert reply.code == "time_doubled"
    assert reply.suggest == (
        "/deploy shop to staging at 2027-10-31T02:30+02:00",
        "/deploy shop to staging at 2027-10-31T02:30+01:00",
    )
    assert ask(alice, "/schedule deploy shop to staging at 2027-03-28T02:30").code == "time_skipped"
    assert ask(alice, "/deploy shop to staging at 2020-01-01T10:00").code == "time_past"
    assert not Deployment.objects.exists()


def test_a_schedule_into_a_freeze_is_refused_when_it_is_entered(ask, alice, bob):
    ask(bob, "/freeze shop in staging from 2027-01-01 until 2027-01-03 because holidays")

    assert ask(alice, "/deploy shop to staging at 2027-01-02T10:00").code == "frozen"
    assert ask(alice, "/deploy shop to staging at 2027-01-04T10:00").code == "requested.scheduled"


def test_the_queue_says_what_each_waits_for(ask, alice, bob, staging):
    first = ask(alice, "/deploy shop to staging").deployment_id
    second = ask(bob, "/deploy shop to staging").deployment_id
    Deployment.objects.update(status="queued")

    reply = ask(alice, "/queue shop staging")

    assert cells(reply, "number") == [{"deployment": first}, {"deployment": second}]
    assert cells(reply, "waits_for")[0] == ""
    assert cells(reply, "waits_for")[1]["params"] == {"number": first, "by": "alice"}
    ask(alice, "/lock shop in staging")
    assert cells(ask(alice, "/queue"), "waits_for")[1] == {"code": "word.behind_lock", "params": {"by": "alice"}}


def test_what_another_environment_runs_is_promoted_without_a_build(ask, alice, staging, production):
    release_in(staging, "r1", ref="v1.2", by=alice, is_current=True)

    reply = ask(alice, "/promote shop to production")

    made = Deployment.objects.get(pk=reply.deployment_id)
    assert (reply.code, reply.params["source"], reply.params["ref"]) == ("promote_requested", "staging", "v1.2")
    assert (made.kind, made.status, made.environment) == ("promote", "queued", production)
    assert [step.kind for step in made.steps.all()][:3] == ["start", "stage", "switch"]
    assert ask(alice, "/promote shop@v9 from staging to production").code == "nothing_to_promote"
    assert ask(alice, "/promote shop to staging").code == "promote_nowhere"


def test_what_is_live_is_sent_again(ask, alice, staging):
    assert ask(alice, "/redeploy shop to staging").code == "nothing_to_redeploy"
    release_in(staging, "r1", ref="v1.2", by=alice, is_current=True)

    reply = ask(alice, "/redeploy shop to staging")

    assert (reply.code, reply.params["ref"]) == ("redeploy_requested", "v1.2")
    assert deployments.latest(staging.app).kind == "redeploy"


@pytest.mark.parametrize("line", ["/redeploy shop to staging", "/promote shop from production to staging"])
def test_what_is_there_may_be_sent_to_chosen_servers(ask, alice, staging, production, line):
    for environment in (staging, production):
        release_in(environment, f"{environment.name}-1", ref="v1.2", by=alice, is_current=True)
    last = staging.placements.last().server.name

    reply = ask(alice, f"{line}/{last}")

    made = Deployment.objects.get(pk=reply.deployment_id)
    assert (reply.params["servers"], made.plan["only"], made.plan["servers"]) == ([last], [last], [last])
    assert {step.server_name for step in made.steps.all()} == {"", last}
    assert ask(alice, f"{line}/nowhere").code == "unknown_server"


def test_where_says_what_is_closed_and_by_whom(ask, alice, bob):
    ask(bob, "/lock shop in staging")
    ask(bob, "/freeze shop in production because an audit")

    shown = cells(ask(alice, "/where shop"), "closed")

    assert [cell["code"] for cell in shown] == ["word.locked_by", "word.frozen_until"]


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("/lock --global", (None, "*")),
        ("/lock production --global", (None, "production")),
        ("/lock shop", ("shop", "*")),
        (".lock shop production --reason audit", ("shop", "production")),
    ],
)
def test_a_lock_covers_what_was_said_and_is_given_back_by_the_same_words(ask, alice, line, scope):
    assert ask(alice, line).code == "locked_now"

    row = Lock.objects.get()
    assert (row.app and row.app.name, row.environment) == scope
    assert ask(alice, line.replace("lock", "unlock", 1)).code == "unlocked"
    assert not locks.standing()


def test_an_environments_name_alone_is_frozen_in_every_app(ask, alice, bob):
    assert ask(bob, "/freeze production for 2h because holidays").code == "frozen_now"

    assert (Freeze.objects.get().app, Freeze.objects.get().environment) == (None, "production")
    assert ask(alice, "/deploy shop to production").code == "frozen"
    assert ask(bob, "/freeze for 2h because holidays").code == "app_required"


def test_status_shows_locks_and_freezes_beside_what_runs(ask, alice, bob):
    ask(bob, "/lock shop in staging")
    ask(bob, "/freeze shop in production because an audit")

    reply = ask(alice, "/status")

    assert cells(reply, "status") == [
        {"code": "status.locked", "params": {}},
        {"code": "status.frozen", "params": {}},
    ]
    assert ask(alice, "/status in staging").params["table"]["rows"][0][2] == "staging"
