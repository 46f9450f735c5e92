"""A line in, a reply out: what is done, what is only told, and who hears it."""

import pytest
from django.utils import timezone

from bot import world
from bot.invocation import Announce, Invocation
from deploy_core.errors import Refused
from deploy_core.models import AuditEntry, Deployment, Manifest, Release, ReleaseCopy
from tests import factories


def release_in(environment, name="r1", *, is_current=False, ref="main", by=None, content=""):
    """A release that lies on every server of an environment, as a deployment that succeeded left it.

    Releases of the same `content` are alike.
    """
    manifest, _ = Manifest.objects.get_or_create(id="0" * 64, defaults={"packed": b"", "files": 0, "size_bytes": 0})
    revision = f"{(content or name).encode().hex():0<40.40}"
    made = Release.objects.create(
        environment=environment, name=name, revision=revision, ref=ref, pipeline="", manifest=manifest
    )
    for server in environment.servers.all():
        ReleaseCopy.objects.create(
            environment=environment, server=server, release=made, is_current=is_current, staged=timezone.now()
        )
    if by:
        Deployment.objects.create(
            app=environment.app, environment=environment, ref=ref, release=made, requested_by=by, status="succeeded"
        )
    return made


def cells(reply, column):
    at = reply.params["table"]["head"].index(f"column.{column}")
    return [row[at] for row in reply.params["table"]["rows"]]


def test_a_deployment_is_asked_for_and_shown_to_the_room(ask, alice):
    reply = ask(alice, "/deploy shop/feature/login to staging")

    deployment = Deployment.objects.get()
    assert (reply.code, reply.is_public, reply.is_error) == ("requested", True, False)
    assert reply.deployment_id == deployment.pk
    assert reply.effects == (Announce(deployment.pk),)
    assert (deployment.ref, deployment.environment.name, deployment.surface) == ("feature/login", "staging", "web")
    assert deployment.requested_by == alice


def test_a_ref_that_is_left_out_is_the_usual_one(ask, alice):
    reply = ask(alice, "/deploy shop to staging")

    assert reply.params["ref"] == "main"


def test_the_app_of_the_room_may_be_left_out(ask, alice):
    reply = ask(alice, "/deploy to staging", default_app="shop")

    assert reply.params["app"] == "shop"


def test_a_busy_environment_queues_and_says_behind_what(ask, alice):
    numbers = [ask(alice, "/deploy shop to staging").deployment_id for _ in range(2)]

    third = ask(alice, "/deploy shop to staging")

    assert third.code == "requested.queued"
    assert (third.params["behind"], third.params["behind_by"]) == (numbers[1], "alice")
    assert ask(alice, "/deploy shop to production").code == "requested"


def test_a_room_that_does_not_follow_the_app_is_told_nothing(ask, alice):
    reply = ask(alice, "/deploy shop to staging", apps=())

    assert reply.deployment_id
    assert not reply.is_public
    assert reply.effects == ()


def test_no_environment_is_ever_assumed(ask, alice):
    reply = ask(alice, "/deploy shop/main")

    assert (reply.code, reply.is_error, reply.is_public) == ("env_required", True, False)
    assert reply.params["environments"] == ["staging", "production"]
    assert reply.suggest == ("/deploy shop/main to staging", "/deploy shop/main to production")
    assert not Deployment.objects.exists()


def test_a_mistyped_environment_without_to_is_recognised(ask, alice):
    assert ask(alice, "/deploy shop stagng").suggest == ("/deploy shop to staging",)


def test_a_dangling_to_is_answered_with_where_it_may_go(ask, alice):
    reply = ask(alice, "/deploy shop to")

    assert reply.code == "env_required"
    assert reply.suggest == ("/deploy shop to staging", "/deploy shop to production")


def test_no_word_is_ignored_where_this_version_cannot_follow(ask, alice):
    reply = ask(alice, "/rollback shop in staging/web-1")

    assert (reply.code, reply.is_error) == ("syntax", True)
    assert not Deployment.objects.exists()


def test_a_verb_that_is_not_built_says_so(ask, alice):
    reply = ask(alice, "/incident status")

    assert (reply.code, reply.params["command"]) == ("not_yet", "incident")
    assert reply.suggest == ("/help",)


def test_who_may_not_is_refused_named_and_audited(ask, alice, carol):
    reply = ask(carol, "/deploy shop to production")

    assert (reply.code, reply.is_error) == ("no_permission", True)
    assert reply.params["who"] == "carol"
    assert reply.params["allowed"] == ["alice"]
    assert reply.suggest
    row = AuditEntry.objects.order_by("number").last()
    assert (row.actor, row.action, row.target, row.outcome) == (
        carol,
        "command.deploy",
        "shop/production",
        "no_permission",
    )
    assert not Deployment.objects.exists()


def test_an_app_that_one_may_not_see_is_as_unknown_as_one_that_is_not_there(ask, alice):
    factories.app("secret")
    carol = factories.person("cara", role="viewer", app=factories.app("other"))

    there = ask(carol, "/deploy secret to staging", apps=())
    nowhere = ask(carol, "/deploy secreu to staging", apps=())

    assert there.code == nowhere.code == "unknown_app"
    assert there.suggest == nowhere.suggest == ("/apps",)


def test_an_inactive_person_sees_and_does_nothing(ask, alice):
    alice.is_active = False
    alice.save()

    assert ask(alice, "/deploy shop to staging").code == "unknown_app"


def test_a_refusal_leaves_no_row_behind(ask, alice, shop):
    shop.environments.get(name="staging").placements.all().delete()

    reply = ask(alice, "/deploy shop to staging")

    assert reply.code == "no_servers"
    assert not Deployment.objects.exists()
    assert AuditEntry.objects.get().outcome == "no_servers"


def test_rollback_goes_to_the_release_before(ask, alice, staging):
    old = release_in(staging, "r1", by=alice)
    release_in(staging, "r2", is_current=True, by=alice)

    reply = ask(alice, "/rollback shop in staging")

    deployment = Deployment.objects.get(pk=reply.deployment_id)
    assert reply.code == "rollback_requested"
    assert (deployment.kind, deployment.release, reply.params["release"]) == ("rollback", old, "r1")


def test_rollback_by_number_takes_back_only_what_runs(ask, alice, staging):
    release_in(staging, "r1", by=alice)
    release_in(staging, "r2", is_current=True, by=alice)
    first, second = Deployment.objects.order_by("pk")

    assert ask(alice, f"/rollback #{first.pk}").code == "not_what_runs"
    assert ask(alice, f"/rollback #{second.pk}").code == "rollback_requested"


def test_rollback_by_number_takes_back_nothing_where_a_later_one_got_stuck(ask, alice, staging):
    release_in(staging, "r1", by=alice)
    second = release_in(staging, "r2", is_current=True, by=alice)
    stuck = release_in(staging, "r3")
    ReleaseCopy.objects.filter(release=second, server__name="web-2").update(is_current=False)
    ReleaseCopy.objects.filter(release=stuck, server__name="web-2").update(is_current=True)

    assert ask(alice, f"/rollback #{second.deployments.get().pk}").code == "not_what_runs"


def test_rollback_without_an_older_release_is_refused(ask, alice):
    reply = ask(alice, "/rollback shop prod")

    assert reply.code == "nothing_to_roll_back"
    assert reply.suggest == ("/history shop",)


def test_a_waiting_deployment_is_cancelled_at_once(ask, alice):
    number = ask(alice, "/deploy shop to staging").deployment_id

    reply = ask(alice, f"/cancel #{number} wrong branch")

    assert (reply.code, reply.deployment_id) == ("cancel_done", number)
    assert Deployment.objects.get().status == "cancelled"
    assert ask(alice, f"/cancel #{number}").code == "already_ended"


def test_cancel_by_place_wants_exactly_one(ask, alice):
    assert ask(alice, "/cancel shop staging").code == "nothing_running"
    numbers = [ask(alice, "/deploy shop to staging").deployment_id for _ in range(2)]

    several = ask(alice, "/cancel shop staging")
    ask(alice, several.suggest[0])
    one = ask(alice, "/cancel shop staging")

    assert several.suggest == tuple(f"/cancel #{number}" for number in numbers)
    assert one.deployment_id == numbers[1]


@pytest.mark.parametrize("number", ["7", "99999999999999999999999"])
def test_a_number_that_names_nothing_is_not_found(ask, alice, number):
    assert ask(alice, f"/cancel #{number}").code == "not_found"
    assert ask(alice, f"/status #{number}").code == "not_found"


def test_a_deployment_of_an_unseen_app_is_not_found(ask, alice):
    number = ask(alice, "/deploy shop to staging").deployment_id
    stranger = factories.person("mallory")

    assert ask(stranger, f"/cancel #{number}", apps=()).code == "not_found"


def test_status_lists_what_runs_and_waits(ask, alice):
    assert ask(alice, "/status").code == "status.quiet"
    number = ask(alice, "/deploy shop/main to staging").deployment_id

    reply = ask(alice, "/status")

    assert cells(reply, "number") == [{"deployment": number}]
    assert cells(reply, "status") == [{"status": "planning"}]
    assert ask(alice, f"/status #{number}").params["state"] == {"status": "planning"}
    assert ask(alice, "/status shop in production").params["table"]["rows"][0][0] == "production"


def test_status_of_everything_is_private_where_the_room_must_not_see_it(ask, alice):
    other = factories.app("billing")
    factories.environment(other, "staging", servers=(factories.server(),))
    ask(alice, "/deploy billing to staging")

    assert not ask(alice, "/status").is_public
    assert ask(alice, "/status shop").is_public


def test_a_grant_for_one_environment_shows_only_that_one(ask, alice, shop):
    ask(alice, "/deploy shop to staging")
    hidden = ask(alice, "/deploy shop to production").deployment_id
    erin = factories.person("erin", role="viewer", app=shop, environment="staging")

    def shown(line):
        return cells(ask(erin, line, apps=()), "environment")

    assert shown("/where shop") == shown("/status") == shown("/history shop") == shown("/envs shop") == ["staging"]
    assert shown("/servers") == ["staging"] * 3
    assert ask(erin, f"/status #{hidden}", apps=()).code == "not_found"
    assert ask(erin, f"/status #{hidden}").code == "status.deployment"


@pytest.mark.parametrize(
    "line",
    [
        "/plan shop/main to production",
        "/diff shop main to production",
        "/diff shop production..staging",
        "/promote shop from production to staging",
    ],
)
def test_what_runs_in_a_hidden_environment_is_told_by_no_command(ask, alice, shop, staging, line):
    erin = factories.person("erin", role="deployer", app=shop, environment="staging")

    refused = ask(erin, line, apps=())

    assert (refused.code, refused.is_error) == ("unknown_env", True)
    assert refused.params["given"] == "production"


def test_the_lock_of_a_hidden_environment_is_not_listed(ask, alice, shop):
    ask(alice, "/lock shop in production because migration")
    erin = factories.person("erin", role="viewer", app=shop, environment="staging")

    assert "migration" not in str(ask(erin, "/locks", apps=()).params)
    assert "migration" in str(ask(alice, "/locks").params)


def test_where_says_what_is_live_and_whether_one_may(ask, alice, carol, staging):
    release_in(staging, "r1", is_current=True, ref="v1.0", by=alice)

    reply = ask(carol, "/where shop")

    assert cells(reply, "environment") == ["staging", "production"]
    assert cells(reply, "live") == ["v1.0", {"code": "word.nothing", "params": {}}]
    assert {cell["code"] for cell in cells(reply, "may")} == {"word.no"}
    assert {cell["code"] for cell in cells(ask(alice, "/where prod"), "may")} == {"word.yes"}


def test_servers_that_run_different_releases_are_not_averaged(ask, alice, staging):
    release_in(staging, "r1", is_current=True)
    newer = release_in(staging, "r2", content="r1")
    one = staging.servers.first()
    ReleaseCopy.objects.filter(server=one, is_current=True).update(is_current=False)
    ReleaseCopy.objects.filter(server=one, release=newer).update(is_current=True)

    # The same content under two names, as a retry of some servers leaves it, is no difference.
    assert cells(ask(alice, "/where shop in staging"), "live") == [newer.ref]

    Release.objects.filter(pk=newer.pk).update(revision="f" * 40)

    assert cells(ask(alice, "/where shop in staging"), "live") == [{"code": "word.differs", "params": {}}]


def test_history_is_newest_first_and_can_be_narrowed(ask, alice):
    first = ask(alice, "/deploy shop/main to staging").deployment_id
    second = ask(alice, "/deploy shop/v1.0 to production").deployment_id

    assert cells(ask(alice, "/history shop"), "number") == [{"deployment": second}, {"deployment": first}]
    assert cells(ask(alice, "/latest shop"), "number") == [{"deployment": second}]
    assert cells(ask(alice, "/history shop in staging"), "number") == [{"deployment": first}]
    assert cells(ask(alice, "/history shop/v1.0"), "number") == [{"deployment": second}]
    assert ask(alice, "/history shop/none").code == "history.none"


def test_branches_tags_and_commits_come_from_the_last_fetch(ask, alice, fetched):
    assert cells(ask(alice, "/branches shop"), "branch") == ["broken", "feature/login", "main"]
    assert cells(ask(alice, "/branches shop feat*"), "branch") == ["feature/login"]
    assert cells(ask(alice, "/branches shop login"), "branch") == ["feature/login"]
    assert cells(ask(alice, "/tags shop"), "tag") == ["v1.0"]
    assert cells(ask(alice, "/commits shop/main last 2"), "subject") == ["change 0", "change 1"]
    assert ask(alice, "/tags shop x*").code == "tags.none"
    assert ask(alice, "/commits shop/gone").suggest == ("/branches shop",)


def test_before_the_first_fetch_there_is_nothing_to_list(ask, alice):
    assert ask(alice, "/branches shop").code == "nothing_fetched"


def test_what_there_is_can_be_listed(ask, alice):
    assert cells(ask(alice, "/apps"), "environments") == [["staging", "production"]]
    assert cells(ask(alice, "/envs shop"), "servers") == [["web-1", "web-2", "web-3"]] * 2
    assert cells(ask(alice, "/servers shop staging"), "server") == ["web-1", "web-2", "web-3"]
    assert cells(ask(alice, "/hosts"), "environment")[:2] == ["staging", "production"]


def test_help_lists_what_is_built_and_explains_one(ask, alice):
    everything = ask(alice, "/help")
    one = ask(alice, "/help ship")

    usages = [cell["code"] for cell in cells(everything, "command")]
    assert usages[:2] == ["usage.deploy", "usage.plan"]
    assert "usage.incident" not in usages
    assert one.params["usage"] == {"code": "usage.deploy", "params": {}}
    assert one.params["aliases"] == ["ship"]
    assert not everything.is_public


def test_whoami_names_the_roles(ask, carol, shop):
    factories.grant(carol, "approver", app=shop, environment="staging")

    reply = ask(carol, "/whoami")

    assert cells(reply, "app") == [{"code": "word.everything", "params": {}}, "shop"]
    assert ask(factories.person("dave"), "/whoami").code == "whoami.no_roles"


def test_a_line_that_is_no_command_is_refused_too(ask, alice):
    assert ask(alice, "good morning").code == "not_a_command"


@pytest.mark.parametrize(
    ("line", "code", "suggest"),
    [
        ("/stauts shop", "unknown_command", ("/status shop",)),
        ("/frobnicate", "unknown_command", ("/help",)),
        ("／deploy shop to staging", "slash_meant", ("/deploy shop to staging",)),
        ("/deploy shpo to staging", "unknown_app", ("/deploy shop to staging",)),
        ("/deploy nothere to staging", "unknown_app", ("/apps",)),
        ("/deploy shop to stagng", "unknown_env", ("/deploy shop to staging",)),
        ("/deploy shop to mars", "unknown_env", ("/envs shop",)),
        ("/deploy shop ot staging", "syntax", ("/deploy shop to staging",)),
        ("/deploy shop staging main", "syntax", ("/deploy shop/main to staging",)),
        ("/deploy shop main x to staging", "syntax", ("/help deploy",)),
        ('/deploy "shop to staging', "quote_not_closed", ("/help deploy",)),
        ("/deploy shop to staging\nthanks", "one_line", ("/help",)),
        ("/deploy shop to staging at noon", "time_wrong", ("/help deploy",)),
        ("/deploy shop/HEAD~1 to staging", "bad_ref", ("/branches shop",)),
        ("/deploy", "app_required", ("/apps",)),
        ("/cancel", "id_required", ("/status",)),
    ],
)
def test_every_refusal_ends_in_something_to_press(ask, alice, line, code, suggest):
    reply = ask(alice, line)

    assert (reply.code, reply.suggest) == (code, suggest)
    assert reply.is_error
    assert not reply.is_public


def test_slack_gets_lines_that_work_in_slack(ask, alice):
    assert ask(alice, "deploy shpo to staging", surface="slack").suggest == ("/deploy shop to staging",)
    assert ask(alice, "stauts shop", surface="slack").suggest == ("/deploy status shop",)
    assert ask(alice, "shop/main to staging", surface="slack").code == "requested"


def test_what_is_removed_while_a_line_is_understood_is_not_there(db):
    shop = factories.app("shop")
    staging = factories.environment(shop, "staging")
    line = Invocation("/lock shop in staging", factories.person("root", role="manager"))
    early, late = world.seen_by(line), world.seen_by(line)
    found = early.app("shop")

    staging.delete()
    shop.delete()

    with pytest.raises(Refused, match="not_found"):
        early.environment(found, "staging")
    with pytest.raises(Refused, match="not_found"):
        late.app("shop")
    assert (late.apps, late.environments) == ({}, {})


def test_the_world_is_read_in_few_queries(ask, alice, django_assert_max_num_queries):
    for n in range(12):
        factories.environment(factories.app(f"app-{n}"), "staging")

    with django_assert_max_num_queries(12):
        ask(alice, "/where")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/deploy:migrate shop", "/deploy:migrate shop to staging"),
        ("/deploy! shop/main because it burns", "/deploy! shop/main to staging because it burns"),
        ("/deploy shop/main at 22:00", "/deploy shop/main to staging at 22:00"),
        ("/deploy shop --queue | a=1 because of b", "/deploy shop to staging --queue | a=1 because of b"),
        ("/plan shop/v1.0", "/plan shop/v1.0 to staging"),
        ("/rollback shop", "/rollback shop in staging"),
    ],
)
def test_a_line_that_is_offered_for_want_of_an_environment_says_all_else_that_was_said(ask, alice, shop, line, offered):
    reply = ask(alice, line)

    assert (reply.code, reply.suggest[0]) == ("env_required", offered)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/deploy shop/main to staging/web-1,web-2", "/deploy shop/main to staging/web-1,web-2 --queue"),
        ("/deploy:migrate shop to staging", "/deploy:migrate shop to staging --queue"),
        ("/deploy shop to staging | a=1 because of b", "/deploy shop to staging --queue | a=1"),
        ("/rollback shop in staging to 20260101-120000", "/rollback shop in staging to 20260101-120000 --queue"),
    ],
)
def test_so_does_one_that_waits_behind_a_lock(ask, alice, shop, line, offered):
    ask(factories.person("dana", role="manager"), "/lock shop in staging")

    reply = ask(alice, line)

    assert (reply.code, reply.suggest[0]) == ("locked", offered)
    forced = [each for each in reply.suggest if "!" in each]
    assert all("because" in each for each in forced)
