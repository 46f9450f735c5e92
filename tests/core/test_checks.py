"""Statuses and check runs as a gate: a deployment waits for them, runs when they are green, fails when one is red."""

import secrets
from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core import deployments
from deploy_core.models import CheckLook, CommitCheck, Deployment, Forge
from deploy_core.reach import forge
from deploy_core.run import crew, looking, runner
from deploy_core.safety import due, gates
from deploy_core.safety.gates import Wish
from tests import factories
from tests.core.world import git
from tests.services.github import GitHub


@pytest.fixture(scope="module")
def server():
    made = GitHub(secrets.token_hex(20))
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def github(server, settings):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    server.statuses, server.runs, server.answers, server.asked = {}, {}, [], []
    return server


@pytest.fixture
def gated(world, github, monkeypatch):
    """A world whose environment wants ci/test to be green."""
    monkeypatch.setattr(forge, "repository_of", lambda app: "acme/shop")
    host = Forge.objects.create(app=world.app, api_url=github.url)
    forge.keep_token(host, github.token)
    world.environment.required_checks = ["ci/test"]
    world.environment.save()
    world.head = git(world.repository, "rev-parse", "main")
    return world


def at_once(monkeypatch):
    """Look in this thread, whose connection stays open."""
    monkeypatch.setattr(crew, "begin", lambda act, *, name: act())
    monkeypatch.setattr(looking, "close_old_connections", lambda: None)


def planned(world, **more):
    made = deployments.request(world.app, "main", world.environment, by=world.person, surface="web", **more)
    runner.plan(made.pk)
    made.refresh_from_db()
    return made


def test_what_is_green_goes(gated, github):
    github.statuses[gated.head] = {"ci/test": "success", "lint": "failure"}

    deployment = gated.deploy("main")

    assert deployment.status == "succeeded"
    assert [line.split("?")[0] for line in github.asked] == [
        f"GET /repos/acme/shop/commits/{gated.head}/status",
        f"GET /repos/acme/shop/commits/{gated.head}/check-runs",
    ]


def test_what_is_red_fails_with_the_details(gated, github):
    github.runs[gated.head] = {"ci/test": "failure"}

    deployment = planned(gated)

    assert (deployment.status, deployment.reason) == ("failed", "checks_failed")
    assert deployment.reason_params["checks"] == ["ci/test"]
    assert deployment.reason_params["links"] == {"ci/test": "https://ci.example/run"}
    assert gated.running() == ["", ""]


def test_what_is_not_known_yet_is_waited_for_and_looked_at_again(gated, github, settings, monkeypatch):
    settings.CHECKS_POLL_S = 0
    at_once(monkeypatch)
    github.runs[gated.head] = {"ci/test": "in_progress"}
    deployment = planned(gated)
    assert (deployment.status, deployment.reason) == ("queued", "waits_for_checks")
    assert gates.held([deployment]) == {deployment.pk: "checks"}

    looking.begin_due()
    github.runs[gated.head] = {"ci/test": "success"}
    looking.begin_due()

    assert gates.held([deployment]) == {}
    assert gated.walk(deployment).status == "succeeded"


def test_one_that_turns_red_while_it_is_waited_for_ends_it(gated, github):
    deployment = planned(gated)
    CommitCheck.objects.create(app=gated.app, revision=gated.head, name="ci/test", state="red", at=timezone.now())

    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("failed", "checks_failed")


def test_each_revision_is_asked_about_once_in_a_while(gated, github, monkeypatch):
    begun = []
    monkeypatch.setattr(crew, "begin", lambda act, *, name: begun.append(name))
    planned(gated)

    for _ in range(3):
        looking.begin_due()

    assert begun == []
    CheckLook.objects.update(at=timezone.now() - timedelta(minutes=1))
    looking.begin_due()
    looking.begin_due()
    assert begun == [f"checks-{gated.head[:7]}"]


@pytest.mark.parametrize("status", [401, 500])
def test_a_host_that_is_ill_is_asked_again(gated, github, status, monkeypatch):
    at_once(monkeypatch)
    github.answers = [status, status]

    deployment = planned(gated)

    assert (deployment.status, deployment.reason) == ("queued", "waits_for_checks")
    looking.begin_due()
    assert CheckLook.objects.get().trouble == "forge_refused"


def test_checks_that_never_end_are_given_up_once_they_were_asked_for_in_vain(gated, github, settings, monkeypatch):
    at_once(monkeypatch)
    settings.CHECKS_POLL_S = 0
    deployment = planned(gated)

    due.give_up_checks()
    Deployment.objects.update(deadline=timezone.now())
    due.give_up_checks()
    deployment.refresh_from_db()
    assert deployment.status == "queued"  # as when no engine ran meanwhile

    looking.begin_due()
    due.give_up_checks()
    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("expired", "checks_missing")


def test_what_it_waited_for_before_does_not_count(gated, github, settings, monkeypatch):
    """It was agreed to, or scheduled, long after it was asked for: what its checks said then is old."""
    at_once(monkeypatch)
    settings.CHECKS_POLL_S = 0
    github.runs[gated.head] = {"ci/test": "in_progress"}
    deployment = planned(gated)
    long_ago = timezone.now() - timedelta(hours=5)
    Deployment.objects.update(created=long_ago)
    CheckLook.objects.update(at=long_ago)

    due.give_up_checks()
    github.runs[gated.head] = {"ci/test": "success"}
    looking.begin_due()
    due.give_up_checks()

    deployment.refresh_from_db()
    assert (deployment.status, deployment.deadline) == ("queued", None)
    assert gates.held([deployment]) == {}


def test_one_that_was_queued_for_another_reason_is_looked_at_and_given_up_too(gated, github, settings, monkeypatch):
    """A lock was in its way, or the environment asks for more checks since."""
    at_once(monkeypatch)
    settings.CHECKS_POLL_S = settings.CHECKS_WAIT_S = 0
    github.statuses[gated.head] = {"ci/test": "success"}
    deployment = planned(gated)
    gated.environment.required_checks = ["ci/test", "ci/deep"]
    gated.environment.save()
    assert deployment.reason == ""
    asked = len(github.asked)

    due.give_up_checks()
    looking.begin_due()
    due.give_up_checks()

    deployment.refresh_from_db()
    assert len(github.asked) > asked
    assert (deployment.status, deployment.reason) == ("expired", "checks_missing")


def test_it_is_forced_with_a_reason_where_that_is_allowed(gated, github):
    factories.grant(gated.person, "manager", app=gated.app)
    github.runs[gated.head] = {"ci/test": "failure"}
    force = Wish(force=True, because="the check is broken")

    assert planned(gated, wish=force).reason == ""
    gated.environment.checks_may_be_forced = False
    gated.environment.save()
    assert planned(gated, wish=force).reason == "checks_failed"


def test_the_way_back_waits_for_nothing(gated, github):
    github.statuses[gated.head] = {"ci/test": "success"}
    first = gated.deploy("main")
    gated.environment.required_checks = ["*", "never"]
    gated.environment.save()

    again = deployments.redeploy(gated.app, gated.environment, by=gated.person, surface="web")

    assert first.status == "succeeded"
    assert gates.held([again]) == {}


def test_who_wrote_down_no_host_is_told(world):
    world.environment.required_checks = ["ci/test"]
    world.environment.save()

    deployment = planned(world)

    assert (deployment.status, deployment.reason) == ("failed", "forge_missing")


def test_where_the_api_is_follows_from_the_repository(shop):
    def api(address):
        shop.repository = address
        return forge.api_of(Forge(app=shop)), forge.repository_of(shop)

    assert api("https://github.com/acme/shop.git") == ("https://api.github.com", "acme/shop")
    assert api("git@github.com:acme/shop.git") == ("https://api.github.com", "acme/shop")
    assert api("ssh://git@git.example.org/acme/shop") == ("https://git.example.org/api/v3", "acme/shop")
    assert forge.repository_of(factories.app(repository="https://git.example/a/b/c.git")) == ""
    assert not Deployment.objects.exists()
