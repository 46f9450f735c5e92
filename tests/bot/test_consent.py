"""Confirming and approving, as they are typed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core.models import Approval, Deployment, Person
from deploy_core.rules.status import Status
from deploy_core.safety import approvals, due, fingerprint, gates
from tests import factories


@pytest.fixture
def bob(db):
    return factories.person("bob", role="approver")


def planned(ask, person, environment, line="/deploy shop to production"):
    """A deployment that was asked for and planned."""
    number = ask(person, line).deployment_id
    servers = list(environment.placements.values_list("server__name", flat=True))
    hashed = fingerprint.of(environment, "a" * 40, "text", servers)
    plan = {"pipeline": "text", "servers": servers}
    Deployment.objects.filter(pk=number).update(revision="a" * 40, plan=plan, plan_hash=hashed)
    gates.pass_on(number)
    return Deployment.objects.get(pk=number)


@pytest.fixture
def protected(production):
    production.is_protected = True
    production.save()
    return production


@pytest.fixture
def approved(production):
    production.approvals_needed = 1
    production.save()
    return production


def test_an_environment_that_is_not_guarded_asks_nobody(ask, alice, production):
    assert planned(ask, alice, production).status == Status.QUEUED


def test_its_author_confirms_a_deployment_to_a_protected_environment(ask, alice, bob, protected):
    waiting = planned(ask, alice, protected)
    assert (waiting.status, waiting.reason) == ("awaiting_confirmation", "confirmation_wanted")

    assert ask(bob, f"/confirm #{waiting.pk}").code == "confirm_not_yours"
    reply = ask(alice, "/confirm")

    waiting.refresh_from_db()
    assert (reply.code, reply.params["number"]) == ("confirmed", waiting.pk)
    assert (waiting.status, waiting.confirmed) == ("queued", waiting.plan_hash)
    assert ask(alice, f"/confirm #{waiting.pk}").code == "not_waiting"
    assert ask(alice, "/confirm").code == "nothing_to_confirm"


def test_its_author_may_say_no(ask, alice, protected):
    waiting = planned(ask, alice, protected)

    assert ask(alice, f"/no #{waiting.pk}").code == "declined"

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("cancelled", "cancelled_by")
    assert not waiting.steps.exclude(status="cancelled").exists()


def test_a_confirmation_that_does_not_come_expires(ask, alice, protected):
    waiting = planned(ask, alice, protected)
    Deployment.objects.update(deadline=timezone.now())

    assert ask(alice, f"/confirm #{waiting.pk}").code == "not_waiting"
    due.act()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("expired", "confirmation_expired")


def test_whoever_asked_may_not_approve_and_another_may(ask, alice, bob, approved):
    factories.grant(alice, "approver")
    waiting = planned(ask, alice, approved)
    assert waiting.status == "awaiting_approval"
    assert waiting.reason_params["people"] == ["bob"]

    own = ask(alice, f"/approve #{waiting.pk}")
    assert (own.code, own.params["number"]) == ("self_approval", waiting.pk)
    assert not Approval.objects.exists()

    assert ask(bob, f"/approve #{waiting.pk} looks good").code == "approved"
    waiting.refresh_from_db()
    assert waiting.status == "queued"
    assert Approval.objects.get().comment == "looks good"


def test_a_service_is_no_second_person(ask, alice, approved):
    robot = factories.person("robot", role="approver")
    Person.objects.filter(pk=robot.pk).update(kind=Person.Kind.SERVICE)
    robot.refresh_from_db()
    waiting = planned(ask, alice, approved)

    said = ask(robot, f"/approve #{waiting.pk}")
    older = Approval.objects.create(  # by a version that let it
        deployment=waiting, plan_hash=waiting.plan_hash, person=robot, is_yes=True, at=timezone.now()
    )

    assert (said.code, said.params["who"]) == ("service_approval", "robot")
    assert approvals.missing(waiting) == 1
    older.delete()
    assert ask(robot, f"/reject #{waiting.pk} because the tests are red").code == "rejected"


def test_an_approver_of_another_app_is_told_nothing(ask, alice, approved):
    waiting = planned(ask, alice, approved)
    elsewhere = factories.person("erin", role="approver", app=factories.app("blog"))

    assert ask(elsewhere, f"/approve #{waiting.pk}", apps=()).code == "not_found"
    assert ask(elsewhere, f"/approve #{waiting.pk}").code == "no_permission.approve"


def test_two_are_asked_where_two_are_needed_and_nobody_counts_twice(ask, alice, bob, approved):
    approved.approvals_needed = 2
    approved.save()
    carl = factories.person("carl", role="manager")
    waiting = planned(ask, alice, approved)

    first = ask(bob, f"/approve #{waiting.pk}")
    assert (first.code, first.params["missing"]) == ("approved.partly", 1)
    assert ask(bob, f"/approve #{waiting.pk}").code == "already_answered"
    assert ask(carl, f"/approve #{waiting.pk}").code == "approved"


def test_a_plan_that_would_come_out_otherwise_is_not_approved(ask, alice, bob, approved):
    waiting = planned(ask, alice, approved)
    approved.placements.first().delete()

    assert ask(bob, f"/approve #{waiting.pk}").code == "plan_changed"
    assert not Approval.objects.exists()


def test_the_approved_revision_ships_though_the_branch_has_moved(ask, alice, bob, approved, fetched):
    waiting = planned(ask, alice, approved)
    fetched.refs.filter(name="main").update(revision="b" * 40)

    assert ask(bob, f"/approve #{waiting.pk}").code == "approved"
    waiting.refresh_from_db()
    assert (waiting.status, waiting.revision) == ("queued", "a" * 40)
    assert gates.spoilt(waiting) is None


def test_a_yes_of_somebody_who_left_does_not_count_when_it_starts(ask, alice, bob, approved):
    waiting = planned(ask, alice, approved)
    ask(bob, f"/approve #{waiting.pk}")
    bob.is_active = False
    bob.save()

    waiting.refresh_from_db()
    assert gates.spoilt(waiting)[0] == "approval_lapsed"


def test_a_rejection_needs_a_reason_and_ends_it(ask, alice, bob, approved):
    waiting = planned(ask, alice, approved)

    assert ask(bob, f"/reject #{waiting.pk}").code == "reason_required"
    assert ask(bob, f"/reject #{waiting.pk} because the tests are red").code == "rejected"

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("rejected", "rejected_by")
    assert waiting.reason_params == {"by": "bob", "because": "the tests are red"}
    assert ask(bob, f"/approve #{waiting.pk}").code == "not_waiting"


def test_approvals_do_not_wait_for_ever(ask, alice, bob, approved):
    waiting = planned(ask, alice, approved)
    Deployment.objects.update(deadline=timezone.now() - timedelta(seconds=1))

    assert ask(bob, f"/approve #{waiting.pk}").code == "not_waiting"
    due.act()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("expired", "approval_expired")


def test_force_passes_no_approval(ask, approved):
    dana = factories.person("dana", role="manager")

    waiting = planned(ask, dana, approved, "/deploy! shop to production because it burns")

    assert waiting.status == "awaiting_approval"
