"""What outlasts a session asks anew who one is: by the second step where there is one, else by the password."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from chatops.api.models import Token
from chatops.webhooks.models import OutgoingHook
from deploy_core.models import AuditEntry
from tests import factories
from tests.accounts.test_second_step import code_for, set_up, sign_in, with_the_password_alone

pytestmark = pytest.mark.django_db
PASSWORDS = {"new_password1": "battery staple", "new_password2": "battery staple"}


@pytest.fixture
def alice():
    return factories.person("alice", role="manager")


@pytest.fixture
def bob():
    return factories.person("bob")


@pytest.fixture
def secret(alice) -> str:
    """That of alice's code app."""
    client = Client()
    sign_in(client)
    return set_up(client)


def lasting(alice, bob) -> dict[str, dict[str, object]]:
    """By the path of their page, what makes something that outlasts the session."""
    return {
        "/tokens/": {"person": alice.pk, "name": "night", "days": 30, "scopes": ["status"]},
        "/webhooks/": {"add": "out", "out-name": "ops", "out-url": "https://ops.example.org/in"},
        f"/people/{bob.pk}/": {"do": "link"},
        f"/people/{alice.pk}/": {"do": "forget-steps"},
    }


def made() -> list[int]:
    done = AuditEntry.objects.filter(action__in=("person.link", "second_step.forget"))
    return [Token.objects.count(), OutgoingHook.objects.count(), done.count()]


@pytest.mark.parametrize("number", range(4))
def test_the_password_alone_makes_nothing_that_lasts_where_there_is_a_second_step(alice, bob, secret, number):
    client = with_the_password_alone(secret)
    path, asked = list(lasting(alice, bob).items())[number]

    answer = client.post(path, asked)

    assert answer["Location"] == f"/accounts/again/code/?next={path.replace('/', '%2F')}"
    assert made() == [0, 0, 0]
    assert client.get(path).status_code == 200, "whoever only looks is not asked"
    assert "recovery codes" in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("number", range(4))
def test_with_the_code_it_is_done_without_being_sent_again(alice, bob, secret, number):
    client = with_the_password_alone(secret)
    path, asked = list(lasting(alice, bob).items())[number]
    where = client.post(path, asked)["Location"]

    done = client.post(where, {"code": code_for(secret)})

    assert done.status_code in (200, 302)
    assert sum(made()) == 1


@pytest.mark.parametrize("do", ["link", "forget-steps"])
def test_whoever_signed_in_long_ago_opens_no_way_in_for_others(alice, bob, do):
    client = Client()
    client.force_login(alice)

    assert client.post(f"/people/{bob.pk}/", {"do": do})["Location"].startswith("/accounts/again/")
    assert made() == [0, 0, 0]
    assert client.post(f"/people/{bob.pk}/", {"do": "deactivate"})["Location"] == f"/people/{bob.pk}/"


def test_the_password_alone_does_not_change_itself(alice, secret):
    client = with_the_password_alone(secret)

    looked, sent = client.get("/accounts/password/"), client.post("/accounts/password/", PASSWORDS)

    assert looked["Location"].startswith("/accounts/again/code/?next=")
    assert sent["Location"] == "/accounts/password/"
    alice.refresh_from_db()
    assert alice.check_password("correct horse")


def test_a_new_password_is_kept_in_no_session_while_the_old_one_is_asked_for(alice):
    client = Client()
    client.force_login(alice)

    client.post("/accounts/password/", PASSWORDS)

    assert Session.objects.exists()
    assert "battery staple" not in str([each.get_decoded() for each in Session.objects.all()])


def test_somebody_with_a_fresh_step_goes_on_to_whatever_next_says(alice, secret):
    client = Client()
    sign_in(client)
    client.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})

    places = [client.get("/accounts/prove/", {"next": word})["Location"] for word in ("rooms", "x y", "//evil.example")]

    assert places == ["rooms", "x%20y", "/"]
    assert re.match(r"/accounts/again", client.get("/accounts/password/")["Location"]), "a password is asked for anew"
