"""Breaking the glass: alone, with a reason, seen by everybody, and open until somebody else signs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from bot import phrases
from deploy_core import deployments, emergency
from deploy_core.errors import Forbidden, Refused
from deploy_core.models import AuditEntry, BreakGlass, Deployment, Notice
from deploy_core.safety import approvals, fingerprint, freezes, gates, locks
from tests import factories
from tests.signing_in import sign_in

pytestmark = pytest.mark.django_db
WHY = "The shop is down and nobody answers"


@pytest.fixture
def shop():
    return factories.app("shop")


@pytest.fixture
def production(shop):
    return factories.environment(
        shop, "production", servers=(factories.server(),), is_protected=True, approvals_needed=1
    )


@pytest.fixture
def alice():
    return factories.person("alice", role="deployer")


@pytest.fixture
def bob():
    return factories.person("bob", role="approver")


def broken(shop, production, alice) -> BreakGlass:
    made = emergency.break_glass(shop, "main", production, by=alice, reason=WHY, surface="web")
    return BreakGlass.objects.get(deployment=made)


def test_it_waits_for_nobody_and_tells_who_would_have_been_asked(shop, production, alice, bob):
    deployment = broken(shop, production, alice).deployment

    assert approvals.missing(deployment) == 0
    assert gates.pass_on(deployment.pk) == "queued"
    assert [(notice.code, notice.person) for notice in Notice.objects.order_by("pk")] == [
        ("announce.glass_broken", None),
        ("glass_review_wanted", bob),
    ]
    assert Notice.objects.get(person=bob).params["where"].endswith("/reviews/")
    row = AuditEntry.objects.get(action="glass.break")
    assert (row.actor, row.outcome, row.params) == (alice, "done", {"reason": WHY, "told": ["bob"]})


def test_an_ordinary_deployment_still_waits(shop, production, alice, bob):
    deployment = deployments.request(shop, "main", production, by=alice, surface="web")

    assert gates.pass_on(deployment.pk) == "awaiting_approval"


def test_somebody_else_signs_once_and_with_a_word(shop, production, alice, bob):
    review = broken(shop, production, alice)

    with pytest.raises(Forbidden):
        emergency.sign(review, by=alice, note="fine")
    with pytest.raises(Refused, match="reason_required"):
        emergency.sign(review, by=bob, note="  ")
    emergency.sign(review, by=bob, note="It was down indeed")
    with pytest.raises(Refused, match="already_signed"):
        emergency.sign(review, by=bob, note="again")

    assert AuditEntry.objects.filter(action="glass.sign", outcome="done").count() == 1


def test_nobody_signs_their_own_though_they_may_approve(shop, production):
    carol = factories.person("carol", role="approver")
    review = broken(shop, production, carol)

    with pytest.raises(Refused, match="own_glass"):
        emergency.sign(review, by=carol, note="fine")


def test_a_viewer_breaks_nothing(shop, production):
    with pytest.raises(Forbidden):
        broken(shop, production, factories.person(role="viewer"))


def test_where_nobody_is_asked_there_is_no_glass(shop, alice):
    staging = factories.environment(shop, "staging", servers=(factories.server(),))

    with pytest.raises(Refused, match="no_glass"):
        broken(shop, staging, alice)


def test_the_page_refuses_a_short_reason_and_audits_that(shop, production, alice):
    client = Client()
    sign_in(client, alice)

    answer = client.post("/reviews/break/shop/production/", {"ref": "main", "reason": "urgent"})

    assert answer.status_code == 409
    assert "Say why in at least 12 characters" in answer.content.decode()
    assert Deployment.objects.count() == 0
    assert AuditEntry.objects.get(action="glass.break").outcome == "reason_too_short"


def test_the_road_over_the_pages(shop, production, alice, bob):
    hers, his = Client(), Client()
    sign_in(hers, alice)
    his.force_login(bob)

    done = hers.post("/reviews/break/shop/production/", {"ref": "main", "reason": WHY})
    own = hers.post("/reviews/", {"review": BreakGlass.objects.get().pk, "note": "fine"})
    his.post("/reviews/", {"review": BreakGlass.objects.get().pk, "note": "It was down indeed"})

    assert done["Location"] == f"/deployments/{Deployment.objects.get().pk}/"
    assert own.status_code == 409
    assert "Signed by bob" in his.get("/reviews/").content.decode()


def test_who_signed_in_long_ago_proves_anew_who_they_are_and_need_not_type_it_again(shop, production, alice):
    client = Client()
    client.force_login(alice)

    asked = client.post("/reviews/break/shop/production/", {"ref": "main", "reason": WHY})
    nothing_yet = Deployment.objects.count()
    done = client.post(asked["Location"], {"password": "correct horse"}, follow=True)

    assert asked["Location"].startswith("/accounts/again/")
    assert nothing_yet == 0
    assert done.redirect_chain[-1][0] == f"/deployments/{Deployment.objects.get().pk}/"


@pytest.mark.parametrize("what", ["locked", "frozen"])
def test_the_refusal_names_the_way_past_it_where_somebody_is_asked(shop, production, alice, settings, what):
    staging = factories.environment(shop, "staging", servers=(factories.server(),))
    admin = factories.person("dave", role="manager")
    for environment in (production, staging):
        if what == "locked":
            locks.take(shop, environment.name, by=admin, reason="stocktaking")
        else:
            freezes.freeze(shop, environment.name, by=admin, reason="stocktaking")

    said = {}
    for environment in (production, staging):
        with pytest.raises(Refused, match=what) as refused:
            deployments.request(shop, "main", environment, by=alice, surface="web")
        said[environment.name] = phrases.render_text(refused.value.code, refused.value.params)

    assert said["production"].endswith(f"break the glass: {settings.PUBLIC_URL}/reviews/break/shop/production/")
    assert "glass" not in said["staging"]


def test_who_may_not_look_there_sees_no_review_and_signs_none(shop, production, alice):
    review = broken(shop, production, alice)
    client = Client()
    client.force_login(factories.person(role="approver", app=factories.app("other")))

    assert WHY not in client.get("/reviews/").content.decode()
    assert client.post("/reviews/", {"review": review.pk, "note": "fine"}).status_code == 404
    assert client.get("/reviews/break/shop/production/").status_code == 404


# --- a fresh second step ----------------------------------------------------------------------------------------------
@pytest.fixture
def careful(shop):
    return factories.environment(shop, "careful", servers=(factories.server(),), needs_proof=True)


def proven(person, *, ago_s: float = 0):
    person.proven = timezone.now() - timedelta(seconds=ago_s)
    return person


@pytest.mark.parametrize("ago_s", [None, 601])
def test_no_fresh_step_no_deployment(shop, careful, alice, ago_s):
    by = alice if ago_s is None else proven(alice, ago_s=ago_s)

    with pytest.raises(Refused, match="proof_wanted") as refused:
        deployments.request(shop, "main", careful, by=by, surface="web")

    assert refused.value.params["where"].endswith("/accounts/prove/")


def test_a_fresh_step_is_enough(shop, careful, alice):
    assert deployments.request(shop, "main", careful, by=proven(alice, ago_s=500), surface="web").pk


def test_the_way_back_asks_for_no_step(shop, careful, alice):
    with pytest.raises(Refused, match="nothing_to_roll_back"):
        deployments.roll_back(shop, careful, by=alice, surface="web")


def test_where_others_agree_it_is_their_yes_that_needs_the_step(shop, alice, bob, monkeypatch):
    monkeypatch.setattr(fingerprint, "is_still_true", lambda deployment: True)
    place = factories.environment(shop, "both", servers=(factories.server(),), needs_proof=True, approvals_needed=1)
    deployment = deployments.request(shop, "main", place, by=alice, surface="slack")

    with pytest.raises(Refused, match="proof_wanted"):
        approvals.answer(deployment, by=bob, is_yes=True)
    approvals.answer(deployment, by=bob, is_yes=False)


def test_breaking_the_glass_needs_the_step_where_the_environment_does(shop, alice, bob):
    place = factories.environment(shop, "both", servers=(factories.server(),), needs_proof=True, approvals_needed=1)

    with pytest.raises(Refused, match="proof_wanted"):
        broken(shop, place, alice)
    assert broken(shop, place, proven(alice)).pk


def test_the_way_to_the_glass_is_shown_to_who_may_deploy_alone(shop, production, alice):
    hers, his = Client(), Client()
    hers.force_login(alice)
    his.force_login(factories.person("carol", role="viewer"))
    page, way = "/fleet/environments/shop/production/", "/reviews/break/shop/production/"

    assert way in hers.get(page).content.decode()
    assert way not in his.get(page).content.decode()
