"""The pages of webhooks: what one looks after, secrets that are shown once, and the log."""

import re

import pytest
from django.core.cache import cache
from django.test import Client

from chatops.webhooks import secrets
from chatops.webhooks.forms import OutgoingForm
from chatops.webhooks.models import Delivery, IncomingHook, OutgoingHook
from deploy_core.models import AuditEntry, Deployment
from tests import factories, queries

BACKEND = "django.contrib.auth.backends.ModelBackend"
OUT = {"add": "out", "out-name": "ops", "out-url": "https://ops.example.org/in"}


@pytest.fixture
def sign_in(client):
    def signed(person):
        cache.clear()  # how often somebody said the password again is counted there
        client.force_login(person, backend=BACKEND)
        client.post("/accounts/again/", {"password": "correct horse"})
        return client

    return signed


@pytest.fixture
def manager(sign_in, shop):
    return sign_in(factories.person("mia", role="manager", app=shop))


def shown_secret(answer):
    return re.search(r"<code data-secret>([^<]+)</code>", answer.content.decode())[1]


def test_a_manager_lets_pushes_in_and_sees_the_secret_once(manager, shop, robot):
    made = manager.post("/webhooks/", {"add": "in", "in-app": shop.pk, "in-provider": "github", "in-person": robot.pk})

    hook = IncomingHook.objects.get()
    assert secrets.of(hook).decode() == shown_secret(made)
    again = manager.get("/webhooks/").content.decode()
    assert "/hooks/github/shop/" in again
    assert shown_secret(made) not in again
    assert AuditEntry.objects.filter(action="hook.in").exists()
    assert manager.post("/webhooks/", {"remove": hook.pk}).status_code == 302
    assert not IncomingHook.objects.exists()


@pytest.mark.parametrize("role", ["", "viewer", "deployer", "approver"])
def test_nobody_else_does(sign_in, shop, robot, role):
    other = sign_in(factories.person(role=role, app=shop))
    hook = IncomingHook.objects.create(app=shop, provider="gitlab", person=robot)

    page = other.get("/webhooks/").content.decode()

    assert "/hooks/gitlab/shop/" not in page
    asked = {"add": "in", "in-app": shop.pk, "in-provider": "github", "in-person": robot.pk}
    assert other.post("/webhooks/", asked).status_code == 400
    assert other.post("/webhooks/", {"remove": hook.pk}).status_code == 404
    assert IncomingHook.objects.count() == 1


def test_who_signed_in_long_ago_says_the_password_again_where_a_secret_is_made(manager, shop, robot):
    manager.post("/webhooks/", OUT)
    hook = OutgoingHook.objects.get()
    client, before = Client(), hook.sealed
    client.force_login(hook.person, backend=BACKEND)
    coming = {"add": "in", "in-app": shop.pk, "in-provider": "github", "in-person": robot.pk}

    answers = [client.post("/webhooks/", coming), client.post("/webhooks/", OUT | {"out-name": "more"})]
    answers.append(client.post("/webhooks/ops/", {"do": "secret"}))
    paused = client.post("/webhooks/ops/", {"do": "pause"})

    assert all(answer["Location"].startswith("/accounts/again/") for answer in answers)
    assert (paused["Location"], IncomingHook.objects.exists()) == ("/webhooks/ops/", False)
    assert OutgoingHook.objects.get().sealed == before


def test_one_tells_an_address_what_one_may_see(sign_in, shop):
    viewer = sign_in(factories.person("vic", role="viewer", app=shop))

    made = viewer.post("/webhooks/", {**OUT, "out-apps": [shop.pk], "out-events": ["deployment.failed"]})

    hook = OutgoingHook.objects.get()
    assert secrets.of(hook).decode() == shown_secret(made)
    assert (hook.person.username, [app.name for app in hook.apps.all()], hook.events) == (
        "vic",
        ["shop"],
        ["deployment.failed"],
    )
    renewed = viewer.post("/webhooks/ops/", {"do": "secret"})
    hook.refresh_from_db()
    assert secrets.of(hook).decode() == shown_secret(renewed) != shown_secret(made)


def test_a_button_pressed_twice_makes_one_hook_whose_secret_is_seen(manager, shop):
    asked = {**OUT, "out-apps": [shop.pk], "out-events": ["deployment.failed"]}

    first, second = (manager.post("/webhooks/", asked) for _ in range(2))

    assert shown_secret(first) == shown_secret(second) == secrets.of(OutgoingHook.objects.get()).decode()


@pytest.mark.parametrize("other", ["later", "address", "events", "keeper"])
def test_another_form_with_a_name_that_is_taken_is_none(manager, sign_in, shop, settings, other):
    manager.post("/webhooks/", OUT)
    asked, page = dict(OUT), manager
    match other:
        case "later":
            settings.PRESSED_TWICE_S = 0
        case "address":
            asked["out-url"] = "https://ops.example.org/other"
        case "events":
            asked["out-events"] = ["deployment.failed"]
        case "keeper":
            page = sign_in(factories.person(role="manager", app=shop))

    answer = page.post("/webhooks/", asked)

    assert (answer.status_code, "data-secret" in answer.content.decode()) == (400, False)


def test_two_presses_at_the_same_moment_are_one_too(manager, monkeypatch):
    is_valid, other = OutgoingForm.is_valid, []

    def valid(form):
        """The other press comes in between."""
        found = is_valid(form)
        if form.is_bound and not other:
            other.append(None)
            other.append(manager.post("/webhooks/", OUT))
        return found

    monkeypatch.setattr(OutgoingForm, "is_valid", valid)

    answer = manager.post("/webhooks/", OUT)

    assert shown_secret(answer) == shown_secret(other[1])


def test_nobody_keeps_more_than_so_many(manager, settings):
    settings.HOOKS_PER_PERSON = 2
    answers = [manager.post("/webhooks/", OUT | {"out-name": f"ops-{number}"}).status_code for number in range(3)]

    assert answers == [200, 200, 400]
    assert OutgoingHook.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"out-url": "https://10.0.0.1/"},
        {"out-url": "http://ops.example.org/"},
        {"out-url": "javascript:alert(1)"},
        {"out-name": "Ops"},
        {"out-name": ""},
        {"out-events": ["deployment.nothing"]},
    ],
)
def test_what_is_wrong_is_said_beside_its_field(manager, wrong):
    assert manager.post("/webhooks/", {**OUT, **wrong}).status_code == 400
    assert not OutgoingHook.objects.exists()


def test_an_app_that_one_does_not_see_is_none(manager):
    assert manager.post("/webhooks/", {**OUT, "out-apps": [factories.app().pk]}).status_code == 400


def test_what_follows_the_host_of_an_address_is_written_into_no_audit(manager):
    manager.post("/webhooks/", OUT | {"out-url": "https://ops.example.org/in/its-own-secret"})
    manager.post("/webhooks/ops/", {"do": "remove"})

    told = [entry.params for entry in AuditEntry.objects.filter(action__in=("hook.out", "hook.drop"))]
    assert [params["host"] for params in told] == ["ops.example.org"] * 2
    assert "its-own-secret" not in str(told)


def test_its_log_shows_no_deployment_that_its_reader_may_not_view_any_more(manager, shop):
    manager.post("/webhooks/", OUT)
    hook = OutgoingHook.objects.get()
    for name in ("staging", "production"):
        place = shop.environments.get(name=name)
        deployment = Deployment.objects.create(app=shop, environment=place, ref="main", requested_by=hook.person)
        Delivery.objects.create(hook=hook, deployment=deployment, key=name, event=f"deployment.{name}", state="done")
    hook.person.grants.update(environment="staging")

    page = manager.get("/webhooks/ops/").content.decode()

    assert ("deployment.staging" in page, "deployment.production" in page) == (True, False)


def test_its_log_can_be_read_and_a_delivery_sent_again(manager, shop, sign_in):
    manager.post("/webhooks/", OUT)
    hook = OutgoingHook.objects.get()
    staging = shop.environments.get(name="staging")
    deployment = Deployment.objects.create(app=shop, environment=staging, ref="main", requested_by=hook.person)
    Delivery.objects.create(
        hook=hook, deployment=deployment, key="k", event="deployment.failed", state="given_up", attempts=10, answer=500
    )

    assert "deployment.failed" in manager.get("/webhooks/ops/").content.decode()
    manager.post("/webhooks/ops/", {"do": "again", "key": "k"})
    manager.post("/webhooks/ops/", {"do": "pause"})

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 0)
    assert not OutgoingHook.objects.get().is_active
    stranger = sign_in(factories.person(role="manager", app=factories.app()))
    assert stranger.get("/webhooks/ops/").status_code == 404
    assert stranger.post("/webhooks/ops/", {"do": "remove"}).status_code == 404
    everything = sign_in(factories.person(role="manager"))
    assert everything.post("/webhooks/ops/", {"do": "remove"}).status_code == 302
    assert not OutgoingHook.objects.exists()


def test_no_delivery_is_looked_for_that_no_database_holds(manager, shop):
    manager.post("/webhooks/", OUT)

    with queries.values() as values:
        answer = manager.post("/webhooks/ops/", {"do": "again", "key": "a\0b"})

    assert answer.status_code == 302
    assert not [value for value in values if "\0" in value]


def test_who_is_not_signed_in_is_asked_to(client, db):
    for page in ("/webhooks/", "/webhooks/ops/"):
        assert client.get(page)["Location"].startswith("/accounts/sign-in/")
