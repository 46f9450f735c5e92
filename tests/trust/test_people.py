"""People, teams and grants on their pages; and that nobody else finds them."""

import re

import pytest
from django.test import Client

from deploy_core.models import AuditEntry, Grant, Person, Team
from deploy_core.safety import access
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return factories.person("boss", role="manager")


@pytest.fixture
def client(boss):
    client = Client()
    client.force_login(boss)
    client.post("/accounts/again/", {"password": "correct horse"})
    return client


def last() -> tuple[str, str, str]:
    row = AuditEntry.objects.last()
    return row.action, row.target, row.outcome


def test_an_invited_person_comes_in_by_the_link_that_is_shown_once(client):
    made = client.post("/people/", {"add": "person", "username": "erin", "email": "erin@example.org"})
    page = client.post(made["Location"], {"do": "link"}).content.decode()
    link = re.search(r"http://[^<]+/accounts/link/[\w-]+/", page)[0]
    erin = Client()

    erin.post(link.partition("testserver")[2] or "/" + link.split("/", 3)[3])

    assert erin.session["_auth_user_id"] == str(Person.objects.get(username="erin").pk)
    assert "/accounts/link/" not in client.get(made["Location"]).content.decode()


def test_a_role_is_granted_and_taken_away_with_an_audit_row_each(client):
    alice, shop = factories.person("alice"), factories.app("shop")
    factories.environment(shop, "production")
    page = f"/people/{alice.pk}/"

    client.post(page, {"do": "grant", "role": "deployer", "app": shop.pk, "environment": "production"})
    assert (access.can(alice, "deploy", "shop", "production"), last()) == (True, ("grant.add", "alice", "done"))

    client.post(page, {"do": "revoke", "grant": alice.grants.get().pk})
    assert (access.can(alice, "deploy", "shop", "production"), last()) == (False, ("grant.remove", "alice", "done"))


def test_granting_twice_is_once_and_audited_once(client):
    alice = factories.person("alice")
    for _ in range(2):
        client.post(f"/people/{alice.pk}/", {"do": "grant", "role": "viewer", "app": "", "environment": "*"})

    assert alice.grants.count() == 1
    assert AuditEntry.objects.filter(action="grant.add").count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "emperor", "app": "", "environment": "*"},
        {"role": "viewer", "app": "999", "environment": "*"},
        {"role": "viewer", "app": "", "environment": "production\n"},
        {"role": "viewer", "app": "", "environment": "\u0440roduction"},
        {"role": "viewer", "app": "", "environment": "a\0b"},
        {},
    ],
    ids=["role", "app", "newline", "look-alike", "nul", "nothing"],
)
def test_a_grant_that_means_nothing_is_refused_beside_its_field(client, wrong):
    factories.environment(factories.app("shop"), "staging")
    alice = factories.person("alice")

    answer = client.post(f"/people/{alice.pk}/", {"do": "grant"} | wrong)

    assert answer.status_code == 400
    assert alice.grants.count() == 0


def test_the_last_manager_of_everything_stays_one(client, boss):
    page = f"/people/{boss.pk}/"

    own = client.post(page, {"do": "revoke", "grant": boss.grants.get().pk})
    self_made = client.post(page, {"do": "deactivate"})

    assert (own.status_code, self_made.status_code) == (409, 409)
    assert "Nobody would be left who manages everything" in own.content.decode()
    assert boss.grants.count() == 1


def test_a_team_gives_its_people_its_roles_and_takes_them_along(client):
    alice, shop = factories.person("alice"), factories.app("shop")
    made = client.post("/people/", {"add": "team", "name": "shop-team"})
    page = made["Location"]
    client.post(page, {"do": "grant", "role": "approver", "app": shop.pk, "environment": "*"})
    client.post(page, {"do": "save", "name": "shop-team", "people": [alice.pk]})
    as_member = access.can(alice, "approve", "shop", "production"), access.who_can("approve", "shop", "production")

    client.post(page, {"do": "save", "name": "shop-team", "people": []})

    assert as_member == (True, ["alice", "boss"])
    assert not access.can(alice, "approve", "shop", "production")
    assert AuditEntry.objects.filter(action="team.change").last().params == {"added": [], "removed": ["alice"]}


def test_a_team_that_manages_everything_cannot_be_emptied_by_its_last_member(client, boss):
    team = Team.objects.create(name="owners")
    team.people.add(boss)
    Grant.objects.create(team=team, role="manager")
    boss.grants.all().delete()

    emptied = client.post(f"/people/teams/{team.pk}/", {"do": "save", "name": "owners", "people": []})
    removed = client.post(f"/people/teams/{team.pk}/", {"do": "remove"})

    assert (emptied.status_code, removed.status_code) == (409, 409)
    assert access.can(boss, "manage", "*", "*")


def test_whoever_is_deactivated_is_out_and_may_nothing(client):
    alice = factories.person("alice", role="deployer")
    hers = Client()
    hers.post("/accounts/sign-in/", {"username": "alice", "password": "correct horse"})

    client.post(f"/people/{alice.pk}/", {"do": "deactivate"})

    alice.refresh_from_db()
    assert hers.get("/").status_code == 302
    assert not access.can(alice, "view", "shop", "staging")
    assert last() == ("person.deactivate", "alice", "done")
    assert client.post(f"/people/{alice.pk}/", {"do": "link"}).status_code == 409


@pytest.mark.parametrize("role", ["", "viewer", "deployer", "approver"])
@pytest.mark.parametrize("path", ["/people/", "/people/1/", "/people/teams/1/", "/audit/", "/audit/export.csv"])
def test_for_everybody_else_these_pages_do_not_exist(role, path):
    someone = factories.person(role=role)
    client = Client()
    client.force_login(someone)

    assert client.get(path).status_code == 404
    assert client.post(path, {"do": "grant", "role": "manager", "environment": "*"}).status_code in (404, 405)


def test_a_manager_of_one_app_does_not_manage_people():
    client = Client()
    client.force_login(factories.person(role="manager", app=factories.app("shop")))

    assert client.get("/people/").status_code == 404


@pytest.mark.parametrize(
    "page", ["/people/999999999999999999999/", "/people/0/", "/people/teams/99999999999999999999/"]
)
def test_numbers_that_are_none_are_not_found(client, page):
    assert client.get(page).status_code == 404


def test_who_signed_in_long_ago_proves_anew_who_they_are_to_give_a_role_and_not_to_take_one(boss):
    alice, team = factories.person("alice"), Team.objects.create(name="ops")
    client = Client()
    client.force_login(boss)
    role = {"do": "grant", "role": "manager", "app": "", "environment": "*"}

    asked = [
        client.post(f"/people/{alice.pk}/", role),
        client.post(f"/people/teams/{team.pk}/", role),
        client.post(f"/people/teams/{team.pk}/", {"do": "save", "name": "ops", "people": [alice.pk]}),
    ]

    assert {each["Location"].partition("?")[0] for each in asked} == {"/accounts/again/"}
    assert (Grant.objects.count(), team.people.count()) == (1, 0)
    client.post(asked[0]["Location"], {"password": "correct horse"})
    client.post(f"/people/{alice.pk}/", role)
    assert alice.grants.count() == 1
    other = Client()
    other.force_login(boss)
    assert other.post(f"/people/{alice.pk}/", {"do": "revoke", "grant": alice.grants.get().pk}).status_code == 302
    assert not alice.grants.exists()
