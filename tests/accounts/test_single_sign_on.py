"""Signing in through an OpenID Connect provider: it vouches for people who are here, and lets nobody else in."""

import pytest
from django.test import Client

from deploy_core.models import AuditEntry, Person
from tests import factories
from tests.services import single_sign_on

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def running():
    with single_sign_on.running() as provider:
        yield provider


@pytest.fixture
def provider(running, settings):
    running.userinfo = {}
    app = {
        "provider_id": "sign-on",
        "name": "Example login",
        "client_id": "shiproom",
        "secret": running.secret,
        "settings": {"server_url": running.url},
    }
    settings.OIDC_URL, settings.OIDC_NAME = running.url, "Example login"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    return running


def come_by(provider: single_sign_on.Provider, client: Client, **userinfo: object):
    provider.userinfo = userinfo
    away = client.post("/accounts/sign-in/sign-on/")
    assert away.status_code == 302, away.content
    return client.get(provider.answer(away["Location"]).removeprefix("http://testserver"))


def test_the_page_offers_it_only_where_there_is_one(client, settings):
    assert "sign-in/sign-on/" not in client.get("/accounts/sign-in/").content.decode()

    settings.OIDC_URL, settings.OIDC_NAME = "https://login.example.org", "Example login"

    assert "Example login" in client.get("/accounts/sign-in/").content.decode()


def test_a_verified_address_is_the_person_who_has_it(provider, client):
    alice = factories.person("alice")
    Person.objects.filter(pk=alice.pk).update(email="alice@example.org")

    client.cookies["time_zone"] = "Europe/Berlin"
    answer = come_by(provider, client, sub="7", email="Alice@Example.org", email_verified=True)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert Person.objects.get(pk=alice.pk).time_zone == "Europe/Berlin"
    assert AuditEntry.objects.filter(action="sign_in", actor=alice, outcome="done").exists()
    assert "code_challenge" in provider.seen[-1]


@pytest.mark.parametrize(
    "userinfo",
    [
        {"sub": "8", "email": "alice@example.org", "email_verified": False},
        {"sub": "8", "preferred_username": "alice"},
        {"sub": "8", "email": "mallory@example.org", "email_verified": True},
        {"sub": "8"},
    ],
    ids=["unverified", "a name alone", "somebody else", "nothing"],
)
def test_nobody_else_gets_in_and_no_account_is_made(provider, client, userinfo):
    alice = factories.person("alice")
    Person.objects.filter(pk=alice.pk).update(email="alice@example.org")

    answer = come_by(provider, client, **userinfo)

    assert answer.status_code == 403
    assert "There is no account for you here" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert Person.objects.count() == 1
    assert AuditEntry.objects.get(action="sign_in").outcome == "unknown_person"


def test_a_name_counts_where_the_operator_says_that_names_are_given_not_chosen(provider, client, settings):
    settings.OIDC_TRUSTS_NAMES = True
    alice = factories.person("alice")

    come_by(provider, client, sub="9", preferred_username="alice")

    assert client.session["_auth_user_id"] == str(alice.pk)


def test_an_open_provider_makes_accounts_that_may_do_nothing(provider, client, settings):
    settings.OIDC_OPEN = True

    come_by(provider, client, sub="10", preferred_username="erin", email="erin@example.org", email_verified=True)

    erin = Person.objects.get(pk=client.session["_auth_user_id"])
    assert (erin.username, erin.grants.count(), erin.is_superuser) == ("erin", 0, False)


def test_somebody_who_was_deactivated_stays_out(provider, client):
    alice = factories.person("alice")
    Person.objects.filter(pk=alice.pk).update(email="alice@example.org")
    come_by(provider, client, sub="11", email="alice@example.org", email_verified=True)
    Person.objects.filter(pk=alice.pk).update(is_active=False)

    answer = come_by(provider, Client(), sub="11", email="alice@example.org", email_verified=True)

    assert answer.status_code == 403


def test_an_answer_that_nobody_asked_for_is_refused(provider, client):
    assert client.get("/accounts/sign-in/sign-on/back/?code=c0de&state=forged").status_code == 403


def test_a_provider_that_is_away_or_talks_nonsense_is_told_without_an_error(provider, client, settings):
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    apps[0]["settings"]["server_url"] = "http://127.0.0.1:9"
    away = client.post("/accounts/sign-in/sign-on/")
    apps[0]["settings"]["server_url"] = f"{provider.url}/userinfo"
    nonsense = client.post("/accounts/sign-in/sign-on/")

    assert (away.status_code, nonsense.status_code) == (403, 403)
    assert "could not be reached" in away.content.decode()
