"""The page of tokens: made for oneself, or by who manages everything for a service, shown once, and ended."""

import re

import pytest
from django.core.cache import cache
from django.test import Client

from chatops.api import tokens
from chatops.api.models import Token
from tests import factories

BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def alice(client, shop):
    made = factories.person("alice", role="deployer", app=shop)
    sign_in(client, made)
    return made


def sign_in(client, person):
    """Sign in, and say the password once more."""
    cache.clear()  # how often somebody said it is counted there
    client.force_login(person, backend=BACKEND)
    client.post("/accounts/again/", {"password": "correct horse"})


def asked(person, **more):
    return {"person": person.pk, "name": "night", "days": 30, "scopes": ["status"], **more}


def test_a_token_is_shown_once_and_works(client, alice, shop):
    made = client.post("/tokens/", asked(alice, app=shop.pk, environment="staging")).content.decode()

    text = re.search(r"<code data-secret>([^<]+)</code>", made)[1]
    found = tokens.found(text)
    assert (found.person, found.app, found.environment, found.scopes) == (alice, shop, "staging", ["status"])
    assert found.created_by == alice
    page = client.get("/tokens/").content.decode()
    assert "night" in page
    assert text not in page


def shown(answer):
    found = re.search(r"<code data-secret>([^<]+)</code>", answer.content.decode())
    return found[1] if found else ""


def test_a_button_pressed_twice_makes_one_token_whose_text_is_seen(client, alice, shop):
    first, second = (client.post("/tokens/", asked(alice, app=shop.pk)) for _ in range(2))

    assert tokens.found(shown(first)) is None
    assert tokens.found(shown(second)) == Token.objects.get()


@pytest.mark.parametrize("other", ["later", "used", "scopes", "place"])
def test_another_token_of_a_name_that_is_taken_is_none(client, alice, settings, other):
    text = shown(client.post("/tokens/", asked(alice)))
    more = {}
    match other:
        case "later":
            settings.PRESSED_TWICE_S = 0
        case "used":
            tokens.count(tokens.found(text))
        case "scopes":
            more = {"scopes": ["deploy"]}
        case "place":
            more = {"environment": "staging"}

    answer = client.post("/tokens/", asked(alice, **more))

    assert (answer.status_code, shown(answer)) == (400, "")
    assert tokens.found(text) == Token.objects.get()


def test_of_two_presses_at_the_same_moment_the_second_is_seen_too(client, alice, monkeypatch):
    looked = []

    def of_the_same_press(token):
        """The other press is stored right after this one has looked for it."""
        looked.append(token)
        return None if len(looked) == 1 else look(token)

    look = tokens._of_the_same_press
    first = shown(client.post("/tokens/", asked(alice)))
    monkeypatch.setattr(tokens, "_of_the_same_press", of_the_same_press)
    monkeypatch.setattr(Token, "full_clean", lambda token: None)

    answer = client.post("/tokens/", asked(alice))

    assert tokens.found(first) is None
    assert tokens.found(shown(answer)) == Token.objects.get()


def test_one_ends_ones_own_and_nobody_elses(client, alice, token):
    own, text = tokens.issue(alice, "mine", scopes=["status"], days=1, by=alice)

    assert client.post("/tokens/", {"revoke": token.pk}).status_code == 404
    assert client.post("/tokens/", {"revoke": "x"}).status_code == 404
    assert client.post("/tokens/", {"revoke": own.pk}).status_code == 302
    assert tokens.found(text) is None
    assert tokens.found(token.text) == token
    assert token.beginning not in client.get("/tokens/").content.decode()


def test_nobody_makes_one_that_acts_as_somebody_else(client, alice, robot):
    assert client.post("/tokens/", asked(robot)).status_code == 400
    assert client.post("/tokens/", asked(factories.person())).status_code == 400
    assert not Token.objects.exists()


def test_who_manages_everything_looks_after_services(client, robot):
    sign_in(client, factories.person(role="manager"))

    assert client.post("/tokens/", asked(robot)).status_code == 200
    assert client.post("/tokens/", asked(factories.person())).status_code == 400
    assert Token.objects.get().person == robot


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"scopes": ["root"]}, {"days": 0}, {"days": 366}, {"name": ""}, {"environment": "a b"}]
)
def test_what_is_wrong_is_said(client, alice, wrong):
    assert client.post("/tokens/", asked(alice, **wrong)).status_code == 400
    assert not Token.objects.exists()


def test_who_signed_in_long_ago_says_the_password_again_to_make_one_and_not_to_end_one(client, alice):
    own, text = tokens.issue(alice, "mine", scopes=["status"], days=1, by=alice)
    client = Client()
    client.force_login(alice, backend=BACKEND)

    assert client.get("/tokens/").status_code == 200
    assert client.post("/tokens/", asked(alice))["Location"].startswith("/accounts/again/")
    assert client.post("/tokens/", {"revoke": own.pk}).status_code == 302
    assert tokens.found(text) is None
    assert Token.objects.count() == 1


def test_who_is_not_signed_in_is_asked_to(client, db):
    assert client.get("/tokens/")["Location"].startswith("/accounts/sign-in/")
