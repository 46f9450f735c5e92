"""One's own account: password, sessions, and who may look."""

import io

import pytest
from django.contrib.auth.management.commands import changepassword
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from chatops.accounts import visits
from chatops.api import tokens
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


def signed_in(agent: str = "Firefox on Linux", **more: str) -> Client:
    client = Client(headers={"User-Agent": agent}, **more)
    client.post("/accounts/sign-in/", {"username": "alice", "password": "correct horse"})
    return client


@pytest.fixture
def alice():
    return factories.person("alice")


def test_every_session_is_listed_with_what_its_owner_knows_it_by(alice):
    signed_in("Safari on a phone", REMOTE_ADDR="192.0.2.7")
    here = signed_in()

    page = here.get("/accounts/").content.decode()

    assert "Safari on a phone" in page
    assert "192.0.2.7" in page
    assert page.count("This browser</span>") == 1
    assert here.session.session_key not in page


def test_a_session_that_was_ended_is_no_way_in_and_says_so_to_open_sockets(alice):
    heard = []
    visits.ended.connect(lambda key, **_: heard.append(key), weak=False, dispatch_uid="test")
    phone, here = signed_in("Phone"), signed_in()
    key = phone.session.session_key
    number = alice.visits.get(session_key=key).pk

    here.post("/accounts/sessions/end/", {"visit": str(number)})

    visits.ended.disconnect(dispatch_uid="test")
    assert heard == [key]
    assert phone.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert AuditEntry.objects.get(action="session.end").params == {"count": 1}


def test_the_zone_that_times_are_typed_in_can_be_changed(alice):
    here = signed_in()

    refused = here.post("/accounts/time-zone/", {"time_zone": "Mars/Olympus"})
    saved = here.post("/accounts/time-zone/", {"time_zone": " Asia/Tokyo"})

    assert (refused.status_code, saved.status_code) == (400, 302)
    assert 'value="Mars/Olympus"' in refused.content.decode()
    assert "There is no such time zone" in refused.content.decode()
    alice.refresh_from_db()
    assert alice.time_zone == "Asia/Tokyo"
    assert "Asia/Tokyo" in here.get("/accounts/").content.decode()


def test_all_others_end_at_once(alice):
    others = [signed_in(f"Browser {number}") for number in range(3)]
    here = signed_in()

    here.post("/accounts/sessions/end/", {"visit": "others"})

    assert [each.get("/accounts/").status_code for each in (*others, here)] == [302, 302, 302, 200]


@pytest.mark.parametrize("which", ["", "-1", "x", "9" * 30, "0"])
def test_there_is_no_session_of_that_name(alice, which):
    assert signed_in().post("/accounts/sessions/end/", {"visit": which}).status_code == 404


def test_nobody_ends_somebody_elses_session(alice):
    signed_in()
    mallory = Client()
    mallory.force_login(factories.person("mallory"))

    answer = mallory.post("/accounts/sessions/end/", {"visit": str(alice.visits.get().pk)})

    assert answer.status_code == 404
    assert alice.visits.count() == 1


def test_a_new_password_ends_every_other_session(alice):
    other, here = signed_in("Phone"), signed_in()
    here.post("/accounts/again/?next=/accounts/password/", {"password": "correct horse"})

    short = here.post("/accounts/password/", {"new_password1": "short", "new_password2": "short"})
    done = here.post("/accounts/password/", {"new_password1": "battery staple", "new_password2": "battery staple"})

    assert (short.status_code, done["Location"]) == (400, "/accounts/")
    assert (here.get("/accounts/").status_code, other.get("/accounts/").status_code) == (200, 302)
    assert AuditEntry.objects.filter(action="password.change").count() == 1


def test_a_new_password_ends_ones_own_tokens_and_nobody_elses(alice):
    bob = factories.person("bob")
    own, others = (tokens.issue(each, "build", scopes=["status"], days=1, by=each) for each in (alice, bob))
    here = signed_in()
    here.post("/accounts/again/?next=/accounts/password/", {"password": "correct horse"})

    page = here.get("/accounts/password/").content.decode()
    here.post("/accounts/password/", {"new_password1": "battery staple", "new_password2": "battery staple"})

    assert "every API token of yours ends" in page
    assert (tokens.found(own[1]), tokens.found(others[1])) == (None, others[0])
    assert AuditEntry.objects.get(action="password.change").params == {"tokens_ended": 1}


def test_no_password_is_changed_without_its_line_in_the_audit(alice, monkeypatch):
    here = signed_in()
    here.post("/accounts/again/?next=/accounts/password/", {"password": "correct horse"})

    def fails(*_, **__):
        raise OperationalError

    monkeypatch.setattr(audit, "record", fails)
    answer = here.post("/accounts/password/", {"new_password1": "battery staple", "new_password2": "battery staple"})

    alice.refresh_from_db()
    assert answer.status_code == 503
    assert alice.check_password("correct horse")


def test_the_old_password_is_asked_for_first(alice):
    here = signed_in()

    answer = here.post("/accounts/password/", {"new_password1": "battery staple", "new_password2": "battery staple"})

    alice.refresh_from_db()
    assert answer["Location"] == "/accounts/password/"
    assert here.get("/accounts/password/")["Location"].startswith("/accounts/again/")
    assert alice.check_password("correct horse")


def test_a_password_that_came_from_a_shell_ends_sessions_and_tokens_too(alice, monkeypatch):
    bob = factories.person("bob")
    own, others = (tokens.issue(each, "build", scopes=["status"], days=1, by=each) for each in (alice, bob))
    browser = signed_in()
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda *_: "battery staple")

    call_command("changepassword", "alice", stdout=io.StringIO())

    assert browser.get("/accounts/")["Location"].startswith("/accounts/sign-in/")
    assert alice.visits.count() == 0
    assert (tokens.found(own[1]), tokens.found(others[1])) == (None, others[0])
    row = AuditEntry.objects.get(action="password.change")
    assert (row.actor, row.target, row.params) == (None, "alice", {"tokens_ended": 1})


def test_a_sign_in_that_makes_the_hash_of_a_password_anew_ends_nothing(alice, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    _, text = tokens.issue(alice, "build", scopes=["status"], days=1, by=alice)
    before = alice.password

    signed_in()

    alice.refresh_from_db()
    assert alice.password != before
    assert tokens.found(text) is not None
    assert not AuditEntry.objects.filter(action="password.change").exists()


@pytest.mark.parametrize(
    "path", ["", "password/", "prove/", "code-app/", "passkeys/add/", "codes/", "codes/new/", "again/"]
)
def test_pages_of_an_account_are_for_who_is_signed_in(client, path):
    assert client.get(f"/accounts/{path}")["Location"].startswith("/accounts/sign-in/")
