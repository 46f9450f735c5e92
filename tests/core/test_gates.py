"""What a deployment passes before it starts, with the real thing at its end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core import deployments, steering
from deploy_core.errors import Refused
from deploy_core.models import Deployment, Environment, Placement, Schedule, Server, Step
from deploy_core.run import heartbeat, runner
from deploy_core.safety import due, freezes, locks
from deploy_core.safety.gates import Wish
from tests import factories
from tests.core.world import git, told


def ask(environment, by, **wish):
    return deployments.request(environment.app, "main", environment, by=by, surface="web", wish=Wish(**wish))


def queue(deployment):
    Deployment.objects.filter(pk=deployment.pk).update(status="queued")
    return deployment


@pytest.fixture
def bob(db):
    return factories.person("bob", role="approver")


@pytest.fixture
def moving(repository):
    """A branch of the repository that all share."""
    git(repository, "branch", "moving", "main")
    yield "moving"
    git(repository, "branch", "--delete", "--force", "moving")


def test_what_was_approved_is_what_ships_though_the_branch_has_moved(world, bob, moving):
    Environment.objects.filter(pk=world.environment.pk).update(approvals_needed=1)
    asked = world.request(moving)
    runner.plan(asked.pk)
    asked.refresh_from_db()
    assert asked.status == "awaiting_approval", told(asked)
    planned = asked.revision
    git(world.repository, "branch", "--force", moving, "ill")

    with pytest.raises(Refused, match="no_permission"):
        deployments.approve(asked, by=world.person)
    assert runner.run(asked.pk) == "over"
    deployments.approve(asked, by=bob)
    runner.run(asked.pk)

    asked.refresh_from_db()
    assert (asked.status, asked.revision) == ("succeeded", planned), told(asked)


def of_environment(environment, variables):
    Environment.objects.filter(pk=environment.pk).update(variables=variables)


def of_a_server(environment, variables):
    Server.objects.filter(pk=environment.placements.first().server_id).update(variables=variables)


def of_a_placement(environment, variables):
    environment.placements.filter(position=1).update(variables=variables)


@pytest.mark.parametrize("change", [of_environment, of_a_server, of_a_placement])
def test_a_plan_that_changed_after_its_approval_is_not_run(world, bob, change):
    Environment.objects.filter(pk=world.environment.pk).update(approvals_needed=1)
    asked = world.request("main")
    runner.plan(asked.pk)
    asked.refresh_from_db()
    deployments.approve(asked, by=bob)
    change(world.environment, {"COLOUR": "red"})

    runner.run(asked.pk)

    asked.refresh_from_db()
    assert (asked.status, asked.reason) == ("failed", "plan_changed")
    assert world.running() == ["", ""]


def test_a_plan_that_changed_is_not_approved(world, bob):
    Environment.objects.filter(pk=world.environment.pk).update(approvals_needed=1)
    asked = world.request("main")
    runner.plan(asked.pk)
    asked.refresh_from_db()
    of_a_server(world.environment, {"COLOUR": "red"})

    with pytest.raises(Refused) as caught:
        deployments.approve(asked, by=bob)

    assert (caught.value.code, asked.status) == ("plan_changed", "awaiting_approval")


def test_a_schedule_into_a_freeze_is_refused_when_it_is_entered(staging, alice, bob):
    starts = timezone.now() + timedelta(hours=1)
    freezes.freeze(staging.app, "staging", by=bob, reason="an audit", starts=starts, ends=starts + timedelta(hours=2))

    with pytest.raises(Refused) as caught:
        ask(staging, alice, at=starts + timedelta(hours=1))

    assert caught.value.code == "frozen"
    assert ask(staging, alice, at=starts + timedelta(hours=3)).schedule.at > starts


def test_a_promotion_ships_the_same_artifact_without_git_or_build(world):
    first = world.deploy("v1")
    production = Environment.objects.create(app=world.app, name="production", path=f"{world.environment.path}-live")
    for placement in world.environment.placements.all():
        Placement.objects.create(
            environment=production,
            server=placement.server,
            variables=placement.variables,
            position=placement.position,
        )

    promoted = deployments.promote(world.app, world.environment, production, by=world.person, surface="web")
    runner.run(promoted.pk)

    promoted.refresh_from_db()
    assert promoted.status == "succeeded", told(promoted)
    assert (promoted.revision, promoted.kind) == (first.revision, "promote")
    first.refresh_from_db()
    assert promoted.release.manifest_id == first.release.manifest_id
    assert promoted.release.name != first.release.name
    assert not promoted.steps.filter(kind__in=("fetch", "build", "package")).exists()


def test_a_promotion_that_failed_is_tried_again_with_the_same_artifact(world, bob):
    world.deploy("v1")
    production = Environment.objects.create(app=world.app, name="production", path=f"{world.environment.path}-p")
    for placement in world.environment.placements.all():
        Placement.objects.create(environment=production, server=placement.server, variables=placement.variables)
    made = deployments.promote(world.app, world.environment, production, by=world.person, surface="web")
    Deployment.objects.filter(pk=made.pk).update(status="failed", finished=timezone.now())
    made.refresh_from_db()

    [name, _] = made.plan["servers"]
    Step.objects.filter(deployment=made).exclude(server_name=name).update(status="succeeded")
    again = steering.retry(made, by=world.person, surface="web", only_failed=True)

    assert (again.kind, again.plan["manifest"], again.plan["only"]) == ("promote", made.plan["manifest"], [name])
    runner.run(again.pk)
    again.refresh_from_db()
    assert again.status == "succeeded", told(again)
    assert not again.steps.filter(kind="build").exists()


def test_nobody_waits_behind_a_lock_but_those_it_keeps_out(staging, alice, bob):
    hers, his = queue(ask(staging, alice)), queue(ask(staging, bob))
    locks.take(staging.app, "staging", by=bob)

    assert [each.pk for each in heartbeat.wanting_work()] == [his.pk]
    assert runner.run(hers.pk) == "held"
    hers.refresh_from_db()
    assert hers.status == "queued"
    locks.release(staging.app, "staging", by=bob)
    assert [each.pk for each in heartbeat.wanting_work()] == [hers.pk]


def test_a_freeze_holds_back_what_is_queued_unless_it_was_forced(staging, alice, bob):
    manager = factories.person("dana", role="manager")
    queue(ask(staging, alice))
    freezes.freeze(staging.app, "staging", by=bob, reason="audit")
    assert heartbeat.wanting_work() == []

    forced = queue(ask(staging, manager, force=True, because="it burns"))

    assert [each.pk for each in heartbeat.wanting_work()] == [forced.pk]


@pytest.fixture
def scheduled(staging, alice):
    made = ask(staging, alice, at=timezone.now() + timedelta(hours=1))
    Deployment.objects.filter(pk=made.pk).update(status="scheduled")

    def falls_due(ago_s=1):
        Schedule.objects.update(at=timezone.now() - timedelta(seconds=ago_s))
        due.act()
        made.refresh_from_db()
        return made

    return falls_due


def test_a_schedule_that_is_due_is_queued(scheduled):
    due.act()
    assert Deployment.objects.get().status == "scheduled"

    assert scheduled().status == "queued"


def test_a_schedule_that_falls_into_a_freeze_is_not_run(scheduled, staging, bob):
    freezes.freeze(staging.app, "staging", by=bob, reason="audit")

    missed = scheduled()

    assert (missed.status, missed.reason, missed.reason_params["reason"]) == ("expired", "frozen", "audit")
    assert not missed.steps.exclude(status="cancelled").exists()


def test_a_schedule_of_somebody_who_left_lapses(scheduled, alice):
    alice.is_active = False
    alice.save()

    assert scheduled().reason == "author_left"


def test_a_schedule_runs_with_its_authors_rights_as_they_are_then(scheduled, alice):
    alice.grants.all().delete()

    assert scheduled().reason == "no_permission"


def test_a_schedule_that_nobody_saw_in_time_is_not_run_later(scheduled, settings):
    assert scheduled(ago_s=settings.SCHEDULE_LATE_S + 60).reason == "schedule_missed"


def test_a_scheduled_deployment_waits_for_its_approval_until_it_is_due(staging, alice, bob):
    from deploy_core.safety import gates

    Environment.objects.update(approvals_needed=1)
    made = ask(staging, alice, at=timezone.now() + timedelta(hours=1))
    gates.pass_on(made.pk)

    made.refresh_from_db()
    assert (made.status, made.deadline) == ("awaiting_approval", made.schedule.at)
    assert gates.approvals.wanted(made) == {"needed": 1, "people": ["bob"]}


def test_a_schedule_that_is_not_agreed_to_any_more_ends_and_says_so(scheduled):
    Environment.objects.update(approvals_needed=1)

    missed = scheduled()

    assert (missed.status, missed.reason, missed.deadline) == ("expired", "approval_expired", None)


def test_a_schedule_whose_environment_was_protected_since_asks_its_author_first(scheduled):
    Deployment.objects.update(plan_hash="a" * 64)
    Environment.objects.update(is_protected=True)

    asked = scheduled()

    assert (asked.status, asked.reason) == ("awaiting_confirmation", "confirmation_wanted")
    assert asked.deadline > timezone.now()


def test_where_nobody_need_approve_any_more_the_author_of_what_is_protected_confirms(staging, alice, bob):
    from deploy_core.safety import gates

    Environment.objects.update(approvals_needed=1, is_protected=True)
    made = ask(staging, alice)
    Deployment.objects.update(plan_hash="a" * 64)
    gates.pass_on(made.pk)
    until = Deployment.objects.get(pk=made.pk).deadline
    assert gates.pass_on(made.pk) is None
    assert Deployment.objects.get(pk=made.pk).deadline == until  # no move, no other end of the wait

    Environment.objects.update(approvals_needed=0)

    assert gates.pass_on(made.pk) == "awaiting_confirmation"


def test_two_who_lock_at_once_are_told_who_was_first(staging, alice, bob):
    locks.take(staging.app, "staging", by=bob, reason="mine")

    with pytest.raises(Refused) as caught:
        locks.take(staging.app, "staging", by=alice)

    assert (caught.value.code, caught.value.params["by"]) == ("locked", "bob")
