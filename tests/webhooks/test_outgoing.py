"""Webhooks that go out: signed, each fact once per address, tried again, and told to nobody who may not view it."""

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatops.webhooks import outbox, secrets, sender
from chatops.webhooks.models import Delivery, Outgoing, OutgoingHook
from deploy_core import deployments
from deploy_core.ledger import journal
from deploy_core.models import Forge
from deploy_core.reach import forge
from deploy_core.rules.status import Status
from tests import factories
from tests.services.github import GitHub


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; `answers` are given first, then 204."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Ask)
        self.got, self.answers = [], []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Ask(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def receiver(settings):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    made = Receiver()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def alice(shop):
    return factories.person("alice", role="deployer", app=shop)


@pytest.fixture
def ops(receiver, alice):
    made = OutgoingHook.objects.create(name="ops", url=f"http://127.0.0.1:{receiver.server_port}/in", person=alice)
    made.secret = secrets.renew(made)
    return made


@pytest.fixture
def deployment(shop, alice):
    staging = shop.environments.get(name="staging")
    return deployments.request(shop, "main", staging, by=alice, surface="web")


def work_off():
    """One round, in this thread: its connection is the test's."""
    outbox.collect()
    for pk in Delivery.objects.filter(state="waiting", next_try__lte=timezone.now()).values_list("pk", flat=True):
        sender.attempt(pk)


def test_each_fact_is_told_once_signed_and_in_full(deployment, ops, receiver):
    journal.move(deployment.pk, Status.FAILED, "no_permission", params={"who": "alice", "app": "shop"})

    work_off()
    work_off()

    (_, asked), (headers, body) = receiver.got
    told = json.loads(body)
    assert json.loads(asked)["event"] == "deployment.requested"
    assert (told["event"], told["from"], told["to"]) == ("deployment.failed", "planning", "failed")
    assert told["deployment"] | {"url": ""} == {
        "number": deployment.pk,
        "app": "shop",
        "environment": "staging",
        "kind": "deploy",
        "ref": "main",
        "revision": "",
        "requested_by": "alice",
        "surface": "web",
        "url": "",
    }
    assert told["reason"]["code"] == "no_permission"
    at, signed = headers["X-Shiproom-Signature"].removeprefix("t=").split(",v1=")
    assert signed == hmac.new(ops.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Shiproom-Delivery"] == f"{ops.pk}/{deployment.pk}/{told['number']}"
    assert Outgoing.objects.get().is_done
    assert set(Delivery.objects.values_list("state", "attempts", "answer")) == {("done", 1, 204)}


def test_what_did_not_arrive_is_tried_again_later_and_at_last_given_up(deployment, ops, receiver, settings):
    settings.HOOK_ATTEMPTS = 3
    receiver.answers = [500, 302, 404]

    for _ in range(4):
        work_off()
        Delivery.objects.filter(state="waiting").update(next_try=timezone.now())

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.answer, delivery.next_try) == ("given_up", 3, 404, None)
    assert len(receiver.got) == 3


def test_each_wait_is_twice_as_long_as_the_one_before(deployment, ops, receiver, settings):
    settings.HOOK_RETRY_S, settings.HOOK_RETRY_MOST_S = 10, 15
    receiver.answers = [500, 500]
    waits = []

    for _ in range(2):
        work_off()
        delivery = Delivery.objects.get()
        waits.append(round((delivery.next_try - delivery.tried).total_seconds()))
        Delivery.objects.update(next_try=timezone.now())

    assert waits == [10, 15]


def test_one_that_is_gone_is_left_alone(deployment, ops, receiver):
    receiver.answers = [410]

    work_off()

    assert Delivery.objects.get().state == "given_up"


def test_nobody_there_is_no_fault_of_ours(deployment, ops, receiver):
    OutgoingHook.objects.update(url="http://127.0.0.1:1/")

    work_off()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.trouble) == ("waiting", "unreachable")


def test_an_address_inside_is_not_told_even_if_it_was_written_down_before(deployment, ops, receiver, settings):
    settings.INTERNAL_HOSTS = []

    work_off()

    assert Delivery.objects.get().trouble == "address_refused host"
    assert receiver.got == []


def test_two_processes_tell_once(deployment, ops, receiver):
    outbox.collect()
    Delivery.objects.update(next_try=timezone.now() + timedelta(seconds=9))  # another one has its lease

    sender.attempt(Delivery.objects.get().pk)

    assert receiver.got == []


@pytest.mark.parametrize("changed", ["other app", "other event", "no right", "paused", "inactive"])
def test_what_a_hook_is_not_for_is_not_told(deployment, ops, alice, changed):
    if changed == "other app":
        ops.apps.add(factories.app())
    elif changed == "no right":
        alice.grants.all().delete()
    elif changed == "inactive":
        alice.is_active = False
        alice.save()
    OutgoingHook.objects.update(
        events=["deployment.failed"] if changed == "other event" else [], is_active=changed != "paused"
    )

    outbox.collect()

    assert not Delivery.objects.exists()


@pytest.mark.parametrize("lost", ["right", "account"])
def test_what_waits_is_not_told_to_who_may_not_view_it_any_more(deployment, ops, receiver, alice, lost):
    outbox.collect()
    if lost == "right":
        alice.grants.all().delete()
    else:
        alice.is_active = False
        alice.save()

    sender.attempt(Delivery.objects.get().pk)

    assert receiver.got == []
    assert Delivery.objects.values_list("state", "trouble").get() == ("given_up", "no_permission")


def test_what_a_paused_hook_has_to_tell_waits_until_it_goes_on(deployment, ops, receiver):
    outbox.collect()
    OutgoingHook.objects.update(is_active=False)
    work_off()
    while_paused = len(receiver.got)
    OutgoingHook.objects.update(is_active=True)

    work_off()

    assert (while_paused, len(receiver.got)) == (0, 1)


def test_a_fault_of_ours_is_given_up_too(deployment, ops, receiver, settings, monkeypatch):
    settings.HOOK_ATTEMPTS = 2
    monkeypatch.setattr(secrets, "of", lambda hook: 1 / 0)

    for _ in range(3):
        work_off()
        Delivery.objects.filter(state="waiting").update(next_try=timezone.now())

    assert Delivery.objects.values_list("state", "attempts", "trouble").get() == ("given_up", 2, "internal")


def test_nothing_is_written_where_nothing_happened(deployment, ops, receiver):
    work_off()

    with CaptureQueriesContext(connection) as asked:
        outbox.collect()

    assert [each["sql"] for each in asked if not each["sql"].startswith("SELECT")] == []


def test_what_is_long_done_is_dropped(deployment, ops, receiver):
    work_off()
    Delivery.objects.update(created=timezone.now() - timedelta(days=31))

    sender.forget()

    assert not Delivery.objects.exists()


def run(*words):
    out = StringIO()
    call_command("hook", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_logs_and_drops_a_hook(receiver, shop, alice, deployment):
    url = f"http://127.0.0.1:{receiver.server_port}/in"
    told = run("out", "ops", url, "--person", "alice", "--app", "shop")
    hook = OutgoingHook.objects.get()
    work_off()

    assert secrets.of(hook).decode() in told
    assert secrets.of(hook).decode() not in hook.sealed
    assert "deployment.requested: done after 1 attempts 204" in run("log", "ops")
    assert "ops: http" in run("list")
    run("drop", "ops")
    assert not OutgoingHook.objects.exists()
    for words in (
        ("out", "ops", "https://10.0.0.1/", "--person", "alice"),
        ("out", "ops", "http://hooks.example.org/", "--person", "alice"),
        ("out", "OPS", "https://hooks.example.org/", "--person", "alice"),
        ("out", "ops", "https://hooks.example.org/", "--person", "nobody"),
        ("log", "ops"),
    ):
        with pytest.raises(CommandError):
            run(*words)


@pytest.fixture
def github(settings, shop, monkeypatch):
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(forge, "repository_of", lambda app: "acme/shop")
    made = GitHub("a-token-of-the-test")
    row = Forge.objects.create(app=shop, api_url=made.url, writes=True)
    forge.keep_token(row, made.token)
    yield made
    made.shutdown()
    made.server_close()


def walk(deployment, *statuses):
    for status in statuses:
        journal.move(deployment.pk, status)
        work_off()


def test_github_is_told_of_a_deployment_and_how_it_ends(deployment, github):
    type(deployment).objects.filter(pk=deployment.pk).update(revision="3f9c2ab0" * 5)

    walk(deployment, Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)

    (told,) = github.deployments.values()
    assert (told.told["ref"], told.told["environment"]) == ("3f9c2ab0" * 5, "staging")
    assert told.told["payload"] == {"shiproom": deployment.pk}
    assert told.states == ["queued", "in_progress", "success"]


def test_github_is_told_in_order_and_once_though_it_was_ill(deployment, github):
    type(deployment).objects.filter(pk=deployment.pk).update(revision="3f9c2ab0" * 5)
    github.answers = [502]

    walk(deployment, Status.QUEUED, Status.RUNNING, Status.FAILED)
    for _ in range(3):
        Delivery.objects.filter(state="waiting").update(next_try=timezone.now())
        work_off()

    (told,) = github.deployments.values()
    assert told.states == ["queued", "in_progress", "failure"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_who_does_not_want_it_told_is_not(deployment, github):
    type(deployment).objects.filter(pk=deployment.pk).update(revision="3f9c2ab0" * 5)
    Forge.objects.update(writes=False)

    walk(deployment, Status.QUEUED)

    assert github.asked == []
