"""A commit that is known to be red."""

import pytest
from django.utils import timezone

from deploy_core.models import CommitCheck, Deployment
from tests import factories

REVISION = "3f9c2ab0" * 5


@pytest.fixture
def red(shop, staging):
    staging.required_checks = ["ci/test"]
    staging.save()
    url = "https://ci.example/1"
    CommitCheck.objects.create(app=shop, revision=REVISION, name="ci/test", state="red", url=url, at=timezone.now())
    return staging


def test_it_is_refused_with_the_details(ask, alice, red):
    reply = ask(alice, "/deploy shop/3f9c2ab to staging")

    assert (reply.code, reply.is_error) == ("checks_failed", True)
    assert reply.params["links"] == {"ci/test": "https://ci.example/1"}
    assert reply.suggest == ("/status shop", "/commits shop")
    assert not Deployment.objects.exists()


def test_a_manager_is_offered_to_force_it_where_that_is_allowed(ask, shop, red):
    bob = factories.person("bob", role="manager")

    offered = ask(bob, "/deploy shop/3f9c2ab to staging").suggest[0]

    assert offered == "/deploy! shop/3f9c2ab to staging because \u2026"
    assert ask(bob, offered.replace("\u2026", "the check is broken")).code == "requested.forced"
    red.checks_may_be_forced = False
    red.save()
    assert ask(bob, "/deploy shop/3f9c2ab to staging").suggest[0] == "/status shop"
    assert ask(bob, offered.replace("\u2026", "still")).code == "checks_failed"


def test_a_branch_may_have_moved_since(ask, alice, red):
    assert ask(alice, "/deploy shop/main to staging").code == "requested"
