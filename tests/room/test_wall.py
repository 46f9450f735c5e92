"""The wall: what it shows of what one may see, how loud, and what the page goes on with."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.deployments import wall
from deploy_core import deployments
from deploy_core.models import Deployment, Duty, Freeze, Lock, Step
from deploy_core.rules.status import Status
from deploy_core.rules.times import iso
from deploy_core.safety import freezes
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def shop(alice):
    return factories.app("shop")


@pytest.fixture
def production(shop):
    servers = (factories.server("web-1"), factories.server("web-2"))
    return factories.environment(shop, "production", servers=servers)


def _ended(environment, alice, status, *, ago=timedelta(minutes=5), **fields):
    made = deployments.request(environment.app, "v1", environment, by=alice, surface="web")
    ended = timezone.now() - ago
    Deployment.objects.filter(pk=made.pk).update(status=status, started=ended, finished=ended, **fields)
    return made


def _tile(alice, **wanted):
    (tile,) = wall.picture(alice, wanted)["tiles"]
    return tile


def test_what_failed_lately_is_loud_and_says_why(alice, production):
    _ended(production, alice, Status.FAILED, reason="health_failed", reason_params={"server": "web-2"})

    tile = _tile(alice)

    assert (tile["tone"], tile["is_wide"], tile["is_calm"], tile["rank"]) == ("bad", True, False, 0)
    assert "web-2" in tile["small"]
    assert [each["text"] for each in wall.picture(alice, {})["counts"]] == ["1 failed"]


def test_what_failed_long_ago_is_calm(alice, production, settings):
    _ended(production, alice, Status.FAILED, ago=timedelta(seconds=settings.WALL_NEWS_S + 60))

    assert (_tile(alice)["is_wide"], _tile(alice)["is_calm"]) == (False, True)


def test_what_runs_says_how_far_it_is(alice, production):
    running = deployments.request(production.app, "v2", production, by=alice, surface="web")
    Deployment.objects.filter(pk=running.pk).update(status=Status.RUNNING, started=timezone.now())
    for step in Step.objects.filter(deployment=running, server_name="web-1"):
        Step.objects.filter(pk=step.pk).update(status="succeeded")

    tile = _tile(alice)

    assert (tile["tone"], tile["kind"], tile["spin"]) == ("run", "elapsed", True)
    assert len(tile["strip"]) in (0, 2)  # its servers are known once it is planned
    assert tile["big"] == ("1 of 2" if tile["strip"] else "v2")


def test_locks_and_freezes_are_calm_facts(alice, production):
    _ended(production, alice, Status.SUCCEEDED)
    until = timezone.now() + timedelta(hours=1)
    Lock.objects.create(app=production.app, environment="production", owner=alice, expires=until)
    assert (_tile(alice)["icon"], _tile(alice)["kind"], _tile(alice)["is_calm"]) == ("lock", "until", True)

    Lock.objects.all().delete()
    factories.grant(alice, "approver")
    freezes.freeze(production.app, "production", by=alice, ends=until, reason="audit")
    assert _tile(alice)["icon"] == "frozen"


def test_one_sees_only_what_one_may_see(alice, production):
    _ended(production, alice, Status.FAILED)
    bob = factories.person("bob")

    assert wall.picture(bob, {})["tiles"] == []
    assert wall.picture(bob, {})["last"] is None


def test_freezes_and_duties_of_what_one_may_not_see_are_not_told(alice, production):
    _ended(production, alice, Status.SUCCEEDED)
    hidden = factories.app("payroll")
    soon = timezone.now() + timedelta(hours=1)
    for app, hours in ((hidden, 1), (production.app, 2)):
        Freeze.objects.create(app=app, environment="*", author=alice, reason="x", starts=soon + timedelta(hours=hours))
    Duty.objects.create(person=alice, app=None, starts=timezone.now())
    bob, eve = factories.person("bob", role="viewer", app=production.app), factories.person("eve")

    seen, nothing = wall.picture(bob, {}), wall.picture(eve, {})

    assert seen["freeze"] == {"at": iso(soon + timedelta(hours=2))}
    assert (seen["duty"], nothing["duty"], nothing["freeze"]) == ("alice", "", None)


def test_trouble_comes_first_and_what_is_quiet_makes_room(alice, shop, monkeypatch):
    monkeypatch.setattr(wall, "MOST_TILES", 1)
    for name, status in (("staging", Status.AWAITING_APPROVAL), ("production", Status.FAILED)):
        _ended(factories.environment(shop, name, servers=(factories.server(),)), alice, status)

    picture = wall.picture(alice, {})

    assert [tile["environment"] for tile in picture["tiles"]] == ["production"]
    assert picture["more"] == 1


def test_the_page_and_its_news_are_one_picture(client, alice, production):
    _ended(production, alice, Status.FAILED)
    Duty.objects.create(person=alice, app=None, starts=timezone.now())
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    page = client.get("/wall/?environment=production")
    news = client.get("/wall/tiles/?environment=production").json()
    elsewhere = client.get("/wall/tiles/?environment=staging").json()

    assert page.status_code == 200
    assert 'data-key="shop/production"' in page.content.decode()
    assert (news["duty"], [tile["key"] for tile in news["tiles"]]) == ("alice", ["shop/production"])
    assert elsewhere["tiles"] == []


@pytest.mark.parametrize("address", ["/wall/tiles/", "/board/cells/"])
def test_news_that_are_known_are_not_sent_again(client, alice, production, address):
    _ended(production, alice, Status.SUCCEEDED)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    first = client.get(address)

    known = client.get(address, headers={"If-None-Match": first["ETag"]})
    _ended(production, alice, Status.FAILED)
    other = client.get(address, headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, known.status_code, known.content, other.status_code) == (200, 304, b"", 200)
    assert other["ETag"] != first["ETag"]


def test_news_are_for_who_is_signed_in(client, db):
    assert [client.get(address).status_code for address in ("/wall/", "/board/")] == [302, 302]
    assert [client.get(address).status_code for address in ("/wall/tiles/", "/board/cells/")] == [401, 401]
