"""Signing in by name and password, signing out, and what is learned from the browser."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from deploy_core.models import Person
from tests import factories

pytestmark = pytest.mark.django_db
PAGE = "/accounts/sign-in/"


def try_in(client: Client, name: str = "alice", password: str = "correct horse", **fields: str):
    return client.post(PAGE, {"username": name, "password": password} | fields)


def test_name_and_password_sign_in(client):
    alice = factories.person("alice")

    answer = try_in(client)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_the_session_key_changes_at_sign_in(client):
    factories.person("alice")
    client.session["planted"] = "by somebody"
    session = client.session
    session.save()
    client.cookies["session"] = session.session_key
    planted = session.session_key

    try_in(client)

    assert client.session.session_key != planted


def test_next_is_followed_within_the_site_and_nowhere_else(client):
    factories.person("alice")

    places = [
        try_in(Client(), next=place)["Location"]
        for place in (
            "/rooms/demo/",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
        )
    ]

    assert places == ["/rooms/demo/", "/", "/", "/", "/"]


def test_a_wrong_password_and_a_wrong_name_get_the_same_sentence(client):
    factories.person("alice")

    password = try_in(client, password="wrong").content.decode()
    name = try_in(client, name="nobody").content.decode()

    assert "Name and password do not match. 4 tries left." in password
    assert "Name and password do not match. 4 tries left." in name


def test_after_five_wrong_ones_the_right_one_has_to_wait(client):
    factories.person("alice")

    wrong = [try_in(client, password="wrong").status_code for _ in range(5)]
    right = try_in(client)

    assert wrong == [200, 200, 200, 200, 429]
    assert (right.status_code, right["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in right.content.decode()
    assert "_auth_user_id" not in client.session


def test_the_wait_ends(client):
    factories.person("alice")
    for _ in range(5):
        try_in(client, password="wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(seconds=901))

    assert try_in(client).status_code == 302


def test_somebody_elses_failures_do_not_lock_a_person_out(client):
    factories.person("alice")
    for _ in range(6):
        try_in(Client(REMOTE_ADDR="192.0.2.7"), password="wrong")

    assert try_in(client).status_code == 302


def test_guessing_many_names_from_one_address_stops(client, settings):
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 7
    factories.person("alice")
    for number in range(7):
        try_in(client, name=f"guess-{number}")

    assert try_in(client).status_code == 429
    assert try_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_a_success_forgets_the_failures(client):
    factories.person("alice")
    for _ in range(4):
        try_in(client, password="wrong")
    try_in(client)

    assert "4 tries left" in try_in(Client(), password="wrong").content.decode()


@pytest.mark.parametrize("change", [{"kind": Person.Kind.SERVICE}, {"is_active": False}])
def test_service_persons_and_inactive_ones_cannot_sign_in(client, change):
    alice = factories.person("alice")
    Person.objects.filter(pk=alice.pk).update(**change)

    assert "do not match" in try_in(client).content.decode()


def test_zone_and_language_come_from_the_browser_once(client):
    alice = factories.person("alice")
    chinese = Client(headers={"Accept-Language": "zh-Hans-CN,zh;q=0.9"})

    chinese.cookies["time_zone"] = "Asia/Shanghai"
    english = Client(headers={"Accept-Language": "en"})
    english.cookies["time_zone"] = "Europe/Berlin"

    answer = try_in(chinese)
    try_in(english)

    alice.refresh_from_db()
    assert (alice.time_zone, alice.language) == ("Asia/Shanghai", "zh-hans")
    assert answer.cookies["language"].value == "zh-hans"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "x" * 65, "a\0b"])
def test_a_zone_that_is_none_is_not_kept(client, zone):
    alice = factories.person("alice")

    client.cookies["time_zone"] = zone
    try_in(client)

    alice.refresh_from_db()
    assert alice.time_zone == ""


def test_signing_out_takes_a_post(client):
    client.force_login(factories.person())

    assert client.get("/accounts/sign-out/").status_code == 405
    assert "_auth_user_id" in client.session

    assert client.post("/accounts/sign-out/")["Location"] == PAGE
    assert "_auth_user_id" not in client.session


def test_a_chosen_language_is_kept_in_the_browser_and_in_the_profile(client):
    alice = factories.person()
    client.force_login(alice)

    answer = client.post("/accounts/language/", {"language": "zh-hans", "next": "/accounts/sign-in/"})

    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    assert answer.cookies["language"].value == "zh-hans"


def test_a_language_that_we_do_not_speak_changes_nothing(client):
    alice = factories.person()
    client.force_login(alice)

    client.post("/accounts/language/", {"language": "tlh", "next": "https://evil.example/"})

    alice.refresh_from_db()
    assert alice.language == ""


def test_a_language_is_offered_in_its_own_words():
    page = Client(headers={"Accept-Language": "zh-hans"}).get(PAGE).content.decode()

    assert ">English</button>" in page
