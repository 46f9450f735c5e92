"""Second steps: set up, asked for, used up, and sealed where they lie."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.test import Client

from chatops.accounts import links
from deploy_core.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts_begin_anew():
    cache.clear()


def code_for(secret: str) -> str:
    """The code of now, good for half a minute at least."""
    _, now, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now))


def sign_in(client: Client, name: str = "alice"):
    return client.post("/accounts/sign-in/", {"username": name, "password": "correct horse"})


def set_up(client: Client) -> str:
    """Give a signed-in client a code app; its secret."""
    client.post("/accounts/again/?next=/accounts/code-app/", {"password": "correct horse"})
    page = client.get("/accounts/code-app/").content.decode()
    secret = re.search(r'<code class="secret"[^>]*>([^<]+)</code>', page)[1].replace(" ", "")
    answer = client.post("/accounts/code-app/", {"code": code_for(secret)})
    assert answer.status_code == 302, answer.content.decode()
    cache.clear()  # the code that was just used is good once more
    return secret


@pytest.fixture
def alice():
    return factories.person("alice")


@pytest.fixture
def secret(alice) -> str:
    client = Client()
    sign_in(client)
    return set_up(client)


def test_setting_one_up_asks_for_the_password_once_more(alice, client):
    sign_in(client)

    assert client.get("/accounts/code-app/")["Location"].startswith("/accounts/again/?next=")


def test_the_password_alone_signs_nobody_in_any_more(secret, client):
    answer = sign_in(client)

    assert answer["Location"] == "/accounts/sign-in/second-step/"
    assert "_auth_user_id" not in client.session
    assert client.get("/")["Location"].startswith("/accounts/sign-in/")


def test_the_code_completes_it_and_both_steps_are_audited(alice, secret, client):
    sign_in(client)

    answer = client.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})

    assert answer["Location"] == "/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert AuditEntry.objects.filter(action="sign_in").last().params == {"by": "password, totp"}


def test_a_code_is_good_once(secret):
    code = code_for(secret)
    answers = []
    for client in (Client(), Client()):
        sign_in(client)
        answers.append(client.post("/accounts/sign-in/second-step/", {"code": code}).status_code)

    assert answers == [302, 200]


def test_wrong_codes_run_out(secret, client):
    sign_in(client)
    for _ in range(5):
        assert "_auth_user_id" not in client.session
        client.post("/accounts/sign-in/second-step/", {"code": "000000"})

    answer = client.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})

    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_a_recovery_code_lets_in_once_and_proves_nothing_anew(alice, secret):
    code = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[0]
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client)
        client.post("/accounts/sign-in/second-step/", {"code": code})

    assert first.session["_auth_user_id"] == str(alice.pk)
    assert "_auth_user_id" not in second.session
    assert first.get("/accounts/prove/")["Location"] == "/accounts/again/code/?next=%2F"


def let_age(client: Client) -> None:
    """What was given in the session was given too long ago."""
    session = client.session
    session["account_authentication_methods"] = [
        each | {"at": time.time() - 601} for each in session["account_authentication_methods"]
    ]
    session.save()


def test_a_code_in_this_session_is_proof_and_another_sessions_is_not(secret):
    first, second = Client(), Client()
    sign_in(first)
    first.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})
    cache.clear()
    sign_in(second)
    second.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})
    let_age(second)

    assert first.get("/accounts/prove/?next=/rooms/demo/")["Location"] == "/rooms/demo/"
    assert second.get("/accounts/prove/?next=/rooms/demo/")["Location"].startswith("/accounts/again/code/")


def test_who_has_no_second_step_is_shown_where_to_set_one_up(alice, client):
    sign_in(client)

    assert client.get("/accounts/prove/")["Location"] == "/accounts/?wanted=step"


CHANGING = ("code-app/remove/", "code-app/", "passkeys/add/", "passkeys/1/remove/", "codes/", "codes/new/")


def with_the_password_alone(secret) -> Client:
    """A session as a thief has it: the second step was given in it too long ago; the password is given afresh."""
    client = Client()
    sign_in(client)
    client.post("/accounts/sign-in/second-step/", {"code": code_for(secret)})
    let_age(client)
    client.post("/accounts/again/?next=/accounts/", {"password": "correct horse"})
    cache.clear()
    return client


@pytest.mark.parametrize("path", CHANGING)
def test_the_password_alone_changes_no_second_step_and_shows_no_codes(alice, secret, path):
    client = with_the_password_alone(secret)
    before = list(Authenticator.objects.values_list("pk", "data"))

    for answer in (client.get(f"/accounts/{path}"), client.post(f"/accounts/{path}", {})):
        assert answer["Location"] == f"/accounts/again/code/?next=%2Faccounts%2F{path.replace('/', '%2F')}"
    assert list(Authenticator.objects.values_list("pk", "data")) == before


@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_who_gives_the_second_step_or_a_recovery_code_may_change_it(alice, secret, kind):
    client = with_the_password_alone(secret)
    codes = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()
    code = codes[0] if kind == "recovery_codes" else code_for(secret)

    asked = client.get("/accounts/again/code/?next=/accounts/code-app/remove/")
    client.post("/accounts/again/code/?next=/accounts/code-app/remove/", {"code": code})
    client.post("/accounts/code-app/remove/")

    assert "recovery codes" in asked.content.decode()
    assert not Authenticator.objects.filter(user=alice).exists()


def test_what_lies_in_the_database_is_sealed(alice, secret):
    rows = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in rows
    assert rows.count("v1.") == 2  # the code app's secret and the recovery codes' seed


def test_whoever_came_by_a_link_may_set_one_up_right_after_and_not_later(alice, client, settings):
    alice.set_unusable_password()
    alice.save()
    client.post(f"/accounts/link/{links.issue(alice)}/")

    assert client.get("/accounts/code-app/").status_code == 200
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    assert client.get("/accounts/code-app/")["Location"] == "/accounts/stale/"


def test_a_link_is_no_way_round_the_second_step(alice, secret, client):
    answer = client.post(f"/accounts/link/{links.issue(alice)}/")

    assert answer["Location"] == "/accounts/sign-in/second-step/"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"id": 1}', "x" * 5000, '{"response": {"clientDataJSON": 7}}']
)
def test_what_is_no_passkey_is_refused_and_not_an_error(alice, secret, client, body):
    sign_in(client)

    at_the_door = Client().post("/accounts/sign-in/passkey/", {"credential": body})
    after_the_password = client.post("/accounts/sign-in/second-step/", {"credential": body})

    assert at_the_door.status_code in (200, 302)
    assert after_the_password.status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("path", ["signup/", "sign-in/closed/", "sign-up/", "password/reset/"])
def test_nobody_makes_an_account(client, path):
    assert client.post(f"/accounts/{path}", {"username": "eve", "password1": "x", "password2": "x"}).status_code in (
        403,
        404,
    )
