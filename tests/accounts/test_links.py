"""One-time sign-in links: looked at as often as anybody likes, used once."""

import hashlib
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from chatops.accounts import links
from chatops.accounts.models import SignInLink
from deploy_core.models import Person
from tests import factories

pytestmark = pytest.mark.django_db


def signed_in_as(client: Client) -> str:
    return client.session.get("_auth_user_id", "")


def test_a_link_signs_its_person_in(client):
    alice = factories.person("alice")
    address = f"/accounts/link/{links.issue(alice)}/"

    answer = client.post(address)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert signed_in_as(client) == str(alice.pk)


def test_looking_at_a_link_does_not_use_it_up(client):
    address = f"/accounts/link/{links.issue(factories.person('alice'))}/"

    looks = [client.get(address), client.head(address), client.get(address)]

    assert [look.status_code for look in looks] == [200, 200, 200]
    assert "alice" in looks[0].content.decode()
    assert "no-store" in looks[0]["Cache-Control"]
    assert client.post(address).status_code == 302


def test_a_link_works_once(client):
    address = f"/accounts/link/{links.issue(factories.person())}/"
    client.post(address)

    second = Client()

    assert second.get(address).status_code == 410
    assert second.post(address).status_code == 410
    assert signed_in_as(second) == ""


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_gets_in():
    token = links.issue(factories.person())
    barrier = threading.Barrier(6)
    got: list[Person | None] = []

    def redeem() -> None:
        barrier.wait()
        got.append(links.redeem(token))
        connection.close()

    threads = [threading.Thread(target=redeem) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([person for person in got if person]) == 1


def test_an_old_link_is_of_no_use(client):
    address = f"/accounts/link/{links.issue(factories.person(), lifetime=timedelta(seconds=-1))}/"

    assert client.get(address).status_code == 410
    assert client.post(address).status_code == 410


def test_a_made_up_link_is_of_no_use(client):
    assert client.post("/accounts/link/nothing-of-the-kind/").status_code == 410


def test_who_may_not_sign_in_cannot_by_a_link(client):
    left = factories.person()
    robot = factories.person()
    tokens = [links.issue(left), links.issue(robot)]
    Person.objects.filter(pk=left.pk).update(is_active=False)
    Person.objects.filter(pk=robot.pk).update(kind=Person.Kind.SERVICE)

    assert [client.post(f"/accounts/link/{token}/").status_code for token in tokens] == [410, 410]


def test_the_token_is_stored_nowhere():
    token = links.issue(factories.person())

    row = SignInLink.objects.values().get()

    assert token not in str(row)
    assert row["digest"] == hashlib.sha256(token.encode()).hexdigest()


def test_a_link_leads_on_within_the_site_and_nowhere_else(client):
    alice = factories.person()

    inside = client.post(f"/accounts/link/{links.issue(alice)}/?next=/rooms/demo/")
    outside = client.post(f"/accounts/link/{links.issue(alice)}/?next=https://evil.example/")

    assert (inside["Location"], outside["Location"]) == ("/rooms/demo/", "/")


def test_a_link_needs_the_token_of_its_page():
    strict = Client(enforce_csrf_checks=True)
    address = f"/accounts/link/{links.issue(factories.person())}/"

    assert strict.post(address).status_code == 403
    assert strict.get(address).status_code == 200


def test_the_session_of_somebody_else_does_not_live_on(client):
    client.force_login(factories.person("mallory"))
    before = client.session.session_key
    alice = factories.person("alice")

    client.post(f"/accounts/link/{links.issue(alice)}/")

    assert client.session.session_key != before
    assert signed_in_as(client) == str(alice.pk)
