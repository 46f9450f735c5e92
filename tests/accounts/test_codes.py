"""A one-time code in a command is a second step that was just given, once."""

import threading
import time

import pytest
from allauth.mfa.totp.internal import auth
from django.core.cache import cache
from django.db import connection
from django.test import Client

from bot import handle
from bot.invocation import Invocation
from deploy_core.errors import Refused
from deploy_core.models import AuditEntry, Deployment, Person
from deploy_core.safety import proof
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def secret(alice):
    """That of alice's app for codes."""
    made = auth.generate_totp_secret()
    auth.TOTP.activate(alice, made)
    return made


@pytest.fixture
def shop(alice):
    made = factories.app("shop")
    servers = (factories.server("web-1"),)
    factories.environment(made, "production", servers=servers, needs_proof=True)
    factories.environment(made, "staging", servers=servers, position=1, needs_proof=True)
    return made


def code(secret, ahead=0):
    return auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // 30 + ahead))


def say(person, line):
    return handle(Invocation(line, Person.objects.get(pk=person.pk), "web", "demo", apps=("shop",)))


def test_a_code_is_the_second_step_that_an_environment_wants(alice, shop, secret):
    assert say(alice, "/deploy shop to production").code == "proof_wanted"

    assert say(alice, f"/deploy shop to production {code(secret)}").code == "requested"


def test_a_code_counts_once_whichever_process_asks(alice, shop, secret):
    once = code(secret)
    say(alice, f"/deploy shop to production {once}")
    cache.clear()  # that a line used it is also in the audit, for as long as it proves something

    assert say(alice, f"/deploy shop to staging {once}").code == "otp_wrong"
    assert Deployment.objects.count() == 1


def test_a_code_stays_used_when_its_command_is_refused(alice, shop, secret):
    once = code(secret)

    assert say(alice, f"/rollback shop production {once}").is_error
    assert AuditEntry.objects.filter(action="proof.code", actor=alice).count() == 1
    cache.clear()

    assert say(alice, f"/deploy shop to production {once}").code == "otp_wrong"
    assert not Deployment.objects.exists()


def test_a_code_that_signed_somebody_in_is_none_in_a_line(alice, shop, secret):
    once, client = code(secret), Client()
    client.post("/accounts/sign-in/", {"username": "alice", "password": "correct horse"})
    client.post("/accounts/sign-in/second-step/", {"code": once})

    assert client.session["_auth_user_id"] == str(alice.pk)
    assert say(alice, f"/deploy shop to production {once}").code == "otp_wrong"


@pytest.mark.django_db(transaction=True)
def test_of_lines_at_the_same_moment_one_has_the_code(monkeypatch):
    person = factories.person("alice")
    monkeypatch.setattr(proof, "_is_right", lambda *_: True)  # as in processes that know nothing of each other
    barrier = threading.Barrier(4)
    got = []

    def give() -> None:
        barrier.wait()
        try:
            proof.give(person, "123456")
            got.append("done")
        except Refused as error:
            got.append(error.code)
        connection.close()

    threads = [threading.Thread(target=give) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == ["done", "otp_wrong", "otp_wrong", "otp_wrong"]


def test_a_wrong_code_does_nothing_and_too_many_are_not_looked_at(alice, shop, secret, settings):
    settings.PROOF_TRIES = 2
    wrong = "000000" if code(secret) != "000000" else "111111"

    answers = [say(alice, f"/deploy shop to production {wrong}").code for _ in range(3)]

    assert answers == ["otp_wrong", "otp_wrong", "otp_wait"]
    assert say(alice, f"/deploy shop to production {code(secret)}").code == "otp_wait"
    assert not Deployment.objects.exists()
    assert AuditEntry.objects.filter(outcome="otp_wrong").count() == 2


def test_who_has_no_app_for_codes_is_told_where_to_get_one(alice, shop):
    reply = say(alice, "/deploy shop to production 123456")

    assert reply.code == "otp_none"
    assert "/accounts/" in reply.params["where"]


def test_an_approval_takes_one_too(alice, shop, secret):
    production = shop.environments.get(name="production")
    bob = factories.person("bob", role="deployer")
    waiting = Deployment.objects.create(app=shop, environment=production, ref="main", requested_by=bob)

    assert say(alice, f"/approve #{waiting.pk} {code(secret)}").code != "otp_wrong"
