"""The forms: one to deploy for a bare `/deploy`, one for the reason of a no."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room.models import Line
from deploy_core.models import Deployment, KnownRef
from tests import factories
from tests.services.slack import TRIGGER_S
from tests.waiting import wait_until

FILLED = {"app": "shop", "environment": "staging", "ref": "main"}


def _open(ship, user="UALICE"):
    ship.user(user).command("")
    (form,) = wait_until(lambda: ship.slack.forms)
    return form


def _options(form, block):
    element = next(each["element"] for each in form["blocks"] if each["block_id"] == block)
    groups = element.get("option_groups") or [element]
    return [option["value"] for group in groups for option in group["options"]]


def test_a_bare_command_opens_a_form_with_what_the_person_can_see_and_it_deploys(ship):
    hidden = factories.environment(factories.app("secret"), "vault", servers=(factories.server(),))
    ship.bob.grants.all().delete()
    factories.grant(ship.bob, "deployer", app=ship.shop)

    form = _open(ship, "UBOB")
    sent = ship.user("UBOB").submit(form, FILLED)

    deployment = Deployment.objects.get()
    assert (_options(form, "app"), _options(form, "environment")) == (["shop"], ["staging"])
    assert hidden.name not in str(form)
    assert (sent.status, sent.answer) == (200, b"")
    assert (deployment.ref, deployment.environment, deployment.requested_by) == ("main", ship.staging, ship.bob)
    assert Line.objects.get().room == ship.room


def test_the_branches_that_were_worked_on_last_are_listed_and_any_other_is_typed(ship):
    now = timezone.now()
    for age, name in enumerate(("main", "feature/login", "old")):
        at = now - timedelta(days=age)
        KnownRef.objects.create(app=ship.shop, kind="branch", name=name, revision="a" * 40, at=at)
    KnownRef.objects.create(app=ship.shop, kind="tag", name="v1", revision="a" * 40, at=now)

    form = _open(ship)
    chosen = FILLED | {"app": "shop/feature/login", "ref": ""}
    ship.user().submit(form, chosen)
    ship.user().submit({**form, "id": "V-2"}, chosen | {"ref": "v1"})

    assert _options(form, "app") == ["shop", "shop/main", "shop/feature/login", "shop/old"]
    assert [each.ref for each in Deployment.objects.order_by("pk")] == ["feature/login", "v1"]


def test_what_is_wrong_stands_beside_its_field_and_nothing_runs(ship):
    form = _open(ship)

    sent = ship.user().submit(form, FILLED | {"ref": "--upload-pack=x"})
    forbidden = ship.user("UBOB").submit(form, FILLED)

    assert sent.told["response_action"] == "errors"
    assert list(sent.told["errors"]) == ["ref"]
    assert "may not" in str(forbidden.told["errors"])
    assert not Deployment.objects.exists()


def test_a_form_that_was_wrong_is_sent_again_and_is_one_deployment_however_often(ship):
    form = _open(ship)
    ship.user().submit(form, FILLED | {"ref": "--upload-pack=x"})
    right = ship.user().submit(form, FILLED)
    ship.mail.again(right)
    ship.user().submit(form, FILLED)

    assert Deployment.objects.count() == 1


def test_a_form_that_slack_does_not_open_any_more_is_said(ship):
    old = ship.slack.trigger()
    ship.slack._triggers[old] -= TRIGGER_S + 1

    sent = ship.user().command("", trigger_id=old)

    assert "too late" in sent.told["text"]
    assert ship.slack.forms == []


def test_who_is_linked_to_nobody_gets_the_link_and_no_form(ship):
    sent = ship.user("UCAROL").command("")

    assert "linked to nobody" in sent.told["text"]
    assert ship.slack.forms == []


def test_the_menu_opens_the_form_in_the_one_room_of_a_person(ship):
    ship.user().shortcut("deploy_modal")
    (form,) = wait_until(lambda: ship.slack.forms)
    ship.user().submit(form, FILLED | {"ref": ""})

    assert Deployment.objects.get().requested_by == ship.alice


@pytest.mark.parametrize("user", ["UBOB", "UALICE"])
def test_a_no_asks_why_and_is_the_pressers_own(ship, user):
    ship.staging.approvals_needed = 1
    ship.staging.save()
    factories.grant(ship.bob, "approver", app=ship.shop)
    ship.user().command("shop/main to staging")
    deployment = Deployment.objects.get()
    ship.plan(deployment)

    ship.user(user).press("1.0", "deploy.reject", f"{deployment.pk}:3")
    (form,) = wait_until(lambda: ship.slack.forms)
    sent = ship.user(user).submit(form, {"reason": "not on a\nFriday"})

    deployment.refresh_from_db()
    if user == "UBOB":
        assert (deployment.status, deployment.reason_params["because"]) == ("rejected", "not on a Friday")
    else:  # nobody answers their own
        assert deployment.status == "awaiting_approval"
        assert sent.told["response_action"] == "errors"
