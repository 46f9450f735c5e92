"""The page of an environment's secrets: set, replaced and removed by who manages it, and shown to nobody."""

import secrets as randomly

import pytest
from django.test import Client

from deploy_core.models import AuditEntry, Person, Secret
from deploy_core.reach.secrets import granted
from tests import factories
from tests.signing_in import sign_in

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
PAGE = "/fleet/environments/shop/production/secrets/"


@pytest.fixture
def production():
    return factories.environment(factories.app("shop"), "production", servers=(factories.server("web-1"),))


@pytest.fixture
def manager(client, production):
    sign_in(client, factories.person("dave", role="manager"))
    return client


def set_one(client, secret: str, **more):
    return client.post(PAGE, {"name": "NPM_TOKEN", "value": secret, "to": "builds"} | more)


def test_a_secret_is_set_listed_with_who_and_never_shown(manager, production):
    value = randomly.token_urlsafe(20)

    assert set_one(manager, value)["Location"] == PAGE

    assert granted(production).builds == {"NPM_TOKEN": value}
    page = manager.get(PAGE).content.decode()
    own = manager.get(f"{PAGE}NPM_TOKEN/").content.decode()
    assert "NPM_TOKEN" in page
    assert "dave" in page
    assert value not in page + own + str(list(AuditEntry.objects.values()))
    assert AuditEntry.objects.get(action="secret.set").actor.username == "dave"
    assert PAGE in manager.get("/fleet/environments/shop/production/").content.decode()


def test_another_value_replaces_it_and_none_changes_only_who_gets_it(manager, production):
    set_one(manager, "the first value")

    manager.post(f"{PAGE}NPM_TOKEN/", {"value": "line one\r\nline two\r\n", "to": "builds"})
    replaced = granted(production).builds
    manager.post(f"{PAGE}NPM_TOKEN/", {"value": "", "to": "servers"})

    assert replaced == {"NPM_TOKEN": "line one\nline two"}
    assert (granted(production).builds, granted(production).servers) == ({}, replaced)
    assert Secret.objects.get().version == 2


def test_it_is_removed_after_a_question(manager, production):
    set_one(manager, "no longer wanted")
    at = "/fleet/remove/secret/shop/production/NPM_TOKEN/"

    assert "Remove shop/production NPM_TOKEN?" in manager.get(at).content.decode()
    assert manager.post(at)["Location"] == PAGE

    assert not Secret.objects.exists()
    assert AuditEntry.objects.last().action == "secret.remove"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "1ST"}, "no digit first"),
        ({"name": "SHIPROOM_APP"}, "SHIPROOM_ is ours"),
        ({"value": "short"}, "A value has 6 to 16384 bytes"),
        ({"value": "x" * 16385}, "A value has 6 to 16384 bytes"),
        ({"to": []}, "Choose who gets it"),
    ],
)
def test_what_cannot_be_one_is_told_beside_its_field(manager, wrong, said):
    answer = set_one(manager, "good enough", **wrong)

    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert "good enough" not in answer.content.decode()
    assert not Secret.objects.exists()


def test_one_that_is_there_is_not_added_again(manager):
    set_one(manager, "the first value")

    answer = set_one(manager, "another value")

    assert "NPM_TOKEN is there already" in answer.content.decode()
    assert Secret.objects.get().version == 1


def test_who_only_deploys_sees_no_names(manager, client):
    set_one(manager, "the first value")
    client.force_login(factories.person("alice", role="deployer"), backend=BACKEND)

    pages = [client.get(PAGE), client.get(f"{PAGE}NPM_TOKEN/"), set_one(client, "mine from now on")]

    assert [each.status_code for each in pages] == [404, 404, 404]
    assert PAGE not in client.get("/fleet/environments/shop/production/").content.decode()


def test_who_signed_in_long_ago_proves_anew_who_they_are_to_set_one_and_not_to_remove_one(manager):
    set_one(manager, "the first value")
    client = Client()
    client.force_login(Person.objects.get(username="dave"), backend=BACKEND)

    for at in (PAGE, f"{PAGE}NPM_TOKEN/"):
        assert client.get(at)["Location"].startswith("/accounts/again/")
        assert client.post(at, {"name": "NPM_TOKEN", "value": "mine from now on", "to": "builds"})["Location"] == at
    assert "mine from now on" not in str(client.session.items())
    assert Secret.objects.get().version == 1
    assert client.post("/fleet/remove/secret/shop/production/NPM_TOKEN/")["Location"] == PAGE
