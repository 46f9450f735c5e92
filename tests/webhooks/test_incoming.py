"""Webhooks that come in: signed pushes deploy once, everything else does nothing, and forged ones are recorded."""

import hashlib
import hmac
import json
import shlex
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatops.webhooks import doors, secrets, sender
from chatops.webhooks.models import IncomingDelivery, IncomingHook
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, CheckLook, CommitCheck, Deployment, Lock
from tests import factories

REVISION = "3f9c2ab0" * 5


def payload(branch="main", **fields):
    return {"ref": f"refs/heads/{branch}", "before": "0" * 40, "after": REVISION, **fields}


def send(client, hook, body=None, *, delivery="d-1", event="push", secret=None, provider="", app="", raw=None):
    """A delivery as the hook's provider sends it."""
    data = raw if raw is not None else json.dumps(payload() if body is None else body).encode()
    secret = hook.secret if secret is None else secret
    if hook.provider == "github":
        signed = "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": signed}
    else:
        named = {"push": "Push Hook", "ping": "ping"}.get(event, event)
        headers = {"X-Gitlab-Event": named, "X-Gitlab-Event-UUID": delivery, "X-Gitlab-Token": secret}
    address = f"/hooks/{provider or hook.provider}/{app or hook.app.name}/"
    return client.post(address, data, content_type="application/json", headers=headers)


def test_a_push_deploys_what_follows_its_branch_as_the_service_person(client, hook, robot):
    answer = send(client, hook)

    deployment = Deployment.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "result": "done",
        "deployments": [
            {"environment": "staging", "result": "accepted", "code": "requested", "deployment": deployment.pk}
        ],
    }
    assert (deployment.ref, deployment.environment.name, deployment.surface) == ("main", "staging", "webhook")
    assert deployment.requested_by == robot
    assert AuditEntry.objects.filter(action="hook.push", outcome="done").exists()


def test_the_same_delivery_deploys_once(client, hook):
    first, second = send(client, hook), send(client, hook)

    assert Deployment.objects.count() == 1
    assert second.json() == first.json() | {"dup": True}


@pytest.mark.parametrize("hook", ["github"], indirect=True)
def test_a_delivery_that_was_caught_cannot_be_sent_under_another_id(client, hook):
    send(client, hook, delivery="d-1")

    assert send(client, hook, delivery="d-2").json()["dup"]
    assert Deployment.objects.count() == 1


@pytest.mark.parametrize("hook", ["gitlab"], indirect=True)
def test_a_branch_that_goes_back_and_forth_deploys_each_time(client, hook):
    """GitLab's body says the same when a branch is pushed to where it was before."""
    first, again, later = (send(client, hook, delivery=each) for each in ("e-1", "e-1", "e-2"))

    assert [answer.json().get("dup", False) for answer in (first, again, later)] == [False, True, False]
    assert Deployment.objects.count() == 2


@pytest.mark.parametrize("hook", ["gitlab"], indirect=True)
def test_what_one_event_of_gitlab_set_off_is_not_taken_for_it(client, hook):
    send(client, hook, delivery="e-1")

    assert "dup" not in send(client, hook, payload(after="4" * 40), delivery="e-1").json()


@pytest.mark.parametrize("secret", ["", "guessed", "sécret"])
def test_a_forged_delivery_is_401_and_recorded(client, hook, secret):
    answer = send(client, hook, secret=secret)

    assert (answer.status_code, answer.json()) == (401, {"error": "bad_signature"})
    entry = AuditEntry.objects.get(action="hook.knock")
    assert (entry.target, entry.outcome) == (f"{hook.provider}/shop", "bad_signature")
    assert entry.params["address"] == "127.0.0.1"
    assert not Deployment.objects.exists()
    assert not IncomingDelivery.objects.exists()


def test_where_there_is_no_hook_the_answer_is_the_same(client, hook):
    assert send(client, hook, app="nothing").status_code == 401
    assert send(client, hook, provider="gitea").status_code == 404


@pytest.mark.parametrize("hook", ["github"], indirect=True)
def test_a_body_that_was_changed_on_its_way_is_forged(client, hook):
    body = json.dumps(payload()).encode()
    signed = "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signed}

    changed = body.replace(b"main", b"evil")

    answer = client.post("/hooks/github/shop/", changed, content_type="application/json", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        payload(branch="other"),
        payload(branch="main to production because x"),
        payload(branch="-x"),
        {**payload(), "ref": "refs/tags/main"},
        {**payload(), "after": "0" * 40},
        {**payload(), "after": "HEAD"},
        {**payload(), "ref": ["refs/heads/main"]},
        {},
    ],
)
def test_what_is_no_push_to_a_branch_that_is_followed_does_nothing(client, hook, body):
    assert send(client, hook, body).json() == {"result": "ignored", "deployments": []}
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("hook", ["github"], indirect=True)
def test_a_check_that_ended_is_known_at_once_where_somebody_asked(client, hook, shop):
    CheckLook.objects.create(app=shop, revision=REVISION, at=timezone.now())
    run = {"name": "build", "status": "completed", "conclusion": "failure", "head_sha": REVISION}

    send(client, hook, {"sha": REVISION, "context": "ci/test", "state": "success"}, event="status")
    send(client, hook, {"check_run": run}, event="check_run", delivery="d-2")
    send(client, hook, {"sha": "1" * 40, "context": "ci/test", "state": "success"}, event="status", delivery="d-3")
    send(client, hook, {"sha": "main", "context": "ci/test", "state": "success"}, event="status", delivery="d-4")

    assert set(CommitCheck.objects.values_list("revision", "name", "state")) == {
        (REVISION, "ci/test", "green"),
        (REVISION, "build", "red"),
    }


def test_only_what_deployed_is_remembered_for_ever(client, hook):
    send(client, hook)
    send(client, hook, payload(branch="other"), delivery="d-2")
    IncomingDelivery.objects.update(at=timezone.now() - timedelta(days=99))

    sender.forget()

    assert IncomingDelivery.objects.get().outcome["result"] == "done"


def test_other_events_do_nothing(client, hook):
    assert send(client, hook, event="issues").json()["result"] == "ignored"
    assert send(client, hook, {"zen": "x"}, event="ping", delivery="d-2").json()["result"] == "pong"
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("raw", [b"", b"hello", b"[]", b"\xff\xfe", b'{"a":' * 5000])
def test_a_signed_body_that_is_no_object_is_400(client, hook, raw):
    assert send(client, hook, raw=raw).status_code == 400


def test_what_is_refused_is_told_and_deploys_nothing(client, hook, shop):
    Lock.objects.create(app=shop, environment="staging", owner=factories.person("bob"), reason="a migration")

    answer = send(client, hook).json()

    assert answer["deployments"][0]["code"] == "locked"
    assert not Deployment.objects.exists()
    assert AuditEntry.objects.filter(action="command.deploy", outcome="locked").exists()


def test_a_person_who_left_opens_no_door(client, hook, robot):
    robot.is_active = False
    robot.save()

    assert send(client, hook).status_code == 401


def test_a_new_secret_ends_the_old_one(client, hook):
    secrets.renew(hook)

    assert send(client, hook).status_code == 401


def test_a_flood_of_forged_ones_fills_no_audit_log(client, hook, settings):
    settings.HOOK_REFUSALS_KEPT = 3
    doors._kept.cache_clear()

    answers = {send(client, hook, secret="x", delivery=str(n)).status_code for n in range(6)}

    doors._kept.cache_clear()
    assert answers == {401}
    assert AuditEntry.objects.filter(action="hook.knock").count() == 3
    assert audit.verify().broken_at is None


@pytest.mark.parametrize("hook", ["github"], indirect=True)
def test_a_form_of_github_is_read_too(client, hook):
    body = urlencode({"payload": json.dumps(payload())}).encode()
    signed = "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signed}

    client.post("/hooks/github/shop/", body, content_type="application/x-www-form-urlencoded", headers=headers)

    assert Deployment.objects.count() == 1


def run(*words):
    out = StringIO()
    call_command("hook", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_a_hook_and_a_line_that_knocks(client, shop, robot):
    told = run("in", "shop", "github", "--person", "ci")
    line = shlex.split(run("send", "shop", "main", "--delivery", "d-9"))

    hook = IncomingHook.objects.get()
    assert secrets.of(hook).decode() in told
    assert secrets.of(hook).decode() not in hook.sealed
    headers = dict(word.split(": ", 1) for flag, word in pairwise(line) if flag == "-H")
    body = line[line.index("-d") + 1]
    answer = client.post("/hooks/github/shop/", body, content_type=headers.pop("Content-Type"), headers=headers)
    assert answer.json()["deployments"][0]["result"] == "accepted"
    assert "main to staging" in run("list")


def test_the_command_says_what_is_wrong(shop, robot):
    factories.person("alice")

    for words in (
        ("in", "shop", "github", "--person", "alice"),
        ("in", "sohp", "github", "--person", "ci"),
        ("follow", "shop", "nowhere", "main"),
        ("follow", "shop", "staging", "a..b"),
        ("send", "shop", "main"),
    ):
        with pytest.raises(CommandError):
            run(*words)
    run("follow", "shop", "production", "release")
    assert shop.environments.get(name="production").followed_branch == "release"
