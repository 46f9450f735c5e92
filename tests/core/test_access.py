"""What a person's grants allow."""

import pytest

from deploy_core.errors import Forbidden
from deploy_core.models import App, Grant, Team
from deploy_core.safety import access
from tests import factories


def test_a_grant_on_an_app_allows_there_and_nowhere_else(shop):
    blog = factories.app("blog")
    alice = factories.person("alice", role="deployer", app=shop, environment="staging")

    assert access.can(alice, "deploy", "shop", "staging")
    assert not access.can(alice, "deploy", "shop", "production")
    assert not access.can(alice, "deploy", "blog", "staging")
    assert list(access.visible_apps(alice)) == [shop]
    assert blog not in access.visible_apps(alice)


def test_a_grant_on_every_app_shows_every_app_by_name(shop):
    blog = factories.app("blog")

    assert list(access.visible_apps(factories.person(role="viewer"))) == [blog, shop]


def test_without_grants_or_when_inactive_nobody_may_or_sees_anything(shop):
    nobody, gone = factories.person("nobody"), factories.person("gone", role="manager")
    gone.is_active = False
    gone.save()

    for someone in (nobody, gone):
        assert not access.can(someone, "view", "shop", "staging")
        assert not access.visible_apps(someone).exists()


def test_a_django_superuser_has_no_rights_of_that_alone(shop):
    root = factories.person("root")
    root.is_superuser = True
    root.save()

    assert not access.can(root, "deploy", "shop", "staging")


def test_a_refusal_names_people_who_may(shop):
    for name in ("bob", "alice"):
        factories.person(name, role="approver", app=shop)
    factories.person("eve", role="deployer", app=shop)

    with pytest.raises(Forbidden) as caught:
        access.require(factories.person("carol", role="viewer"), "approve", "shop", "production")

    assert caught.value.params["allowed"] == ["alice", "bob"]


@pytest.mark.parametrize("held", ["one app", "every app", "a team's", "nothing", "no role", "much, but gone"])
def test_the_names_that_somebody_sees_are_those_of_the_apps_that_their_grants_show(shop, held):
    factories.environment(shop, "staging")
    factories.environment(shop, "edge")
    factories.app("blog")
    someone = factories.person("someone")
    if held == "a team's":
        team = Team.objects.create(name="ops")
        team.people.add(someone)
        Grant.objects.create(team=team, role="viewer", app=shop, environment="edge")
    elif held != "nothing":
        role = "owner" if held == "no role" else "manager"
        Grant.objects.create(person=someone, role=role, app=shop if held == "one app" else None)
    someone.is_active = held != "much, but gone"
    someone.save()

    seen = access.seen(someone)

    assert list(seen) == [app.name for app in access.visible_apps(someone)]
    assert all(named.pk == App.objects.get(name=name).pk for name, named in seen.items())
    assert "shop" not in seen or seen["shop"].environments == ["staging", "edge"]
    assert list(access.seen(someone, ["blog"])) == sorted({*seen, "blog"} if someone.is_active else ())
