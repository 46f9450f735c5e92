"""The HTTP API: what a line would do, within what a token allows."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatops.api import tokens, views
from chatops.api.models import Token
from deploy_core.models import AuditEntry, Deployment, Lock
from tests import factories

DEPLOY = {"app": "shop", "environment": "staging"}


def test_a_program_deploys_like_a_person(call, robot):
    answer = call("POST", "deployments", {**DEPLOY, "ref": "feature/login", "reason": "a fix"})

    deployment = Deployment.objects.get()
    assert answer.status_code == 202
    assert answer.json()["deployment"] == deployment.pk
    assert answer.json()["reply"]["text"] == f"#{deployment.pk} deploys shop feature/login to staging."
    assert (deployment.ref, deployment.surface, deployment.requested_by) == ("feature/login", "api", robot)


def test_the_same_key_acts_once(call):
    first, second = (call("POST", "deployments", DEPLOY, **{"Idempotency-Key": "k-1"}) for _ in range(2))

    assert Deployment.objects.count() == 1
    assert second.json() == first.json() | {"dup": True}
    assert call("POST", "deployments", DEPLOY, **{"Idempotency-Key": "x" * 61}).status_code == 400


def test_a_key_is_for_one_request(call):
    call("POST", "deployments", DEPLOY, **{"Idempotency-Key": "k-1"})

    other = call("POST", "deployments", {**DEPLOY, "environment": "production"}, **{"Idempotency-Key": "k-1"})
    cancel = call("POST", f"deployments/{Deployment.objects.get().pk}/cancel", {}, **{"Idempotency-Key": "k-1"})

    assert [(each.status_code, each.json()["error"]["code"]) for each in (other, cancel)] == [(409, "key_reused")] * 2
    assert [(each.environment.name, each.status) for each in Deployment.objects.all()] == [("staging", "planning")]


@pytest.fixture
def limited(shop):
    """Staging, whose commands are typed in one room only."""
    shop.environments.filter(name="staging").update(command_rooms=["deploys"])
    return shop.environments.get(name="staging")


@pytest.mark.parametrize(
    ("bound", "maker", "runs"),
    [
        ("nothing", "", False),
        ("app", "", False),
        ("both", "", True),
        ("both", "manager", True),
        ("both", "deployer", False),
    ],
)
def test_where_commands_are_typed_in_some_rooms_only_a_token_is_made_for_it(
    call, token, shop, limited, bound, maker, runs
):
    by = factories.person(role=maker, app=shop) if maker else None
    place = {"app": None if bound == "nothing" else shop, "environment": "staging" if bound == "both" else ""}
    Token.objects.filter(pk=token.pk).update(created_by=by, **place)

    answer = call("POST", "deployments", DEPLOY)

    told = answer.status_code if runs else (answer.status_code, answer.json()["error"]["code"])
    assert told == (202 if runs else (403, "token_not_bound"))
    assert Deployment.objects.exists() == runs
    assert call("GET", "status").status_code == 200


def test_nor_does_another_token_steer_what_runs_there(call, shop, limited):
    number = call("POST", "deployments", {**DEPLOY, "environment": "production"}).json()["deployment"]
    Deployment.objects.filter(pk=number).update(environment=limited)

    assert call("POST", f"deployments/{number}/cancel").json()["error"]["code"] == "token_not_bound"
    assert call("GET", f"deployments/{number}").status_code == 200


def test_one_looks_at_what_was_deployed(call):
    number = call("POST", "deployments", DEPLOY).json()["deployment"]

    shown = call("GET", f"deployments/{number}").json()["deployment"]
    assert (shown["number"], shown["app"], shown["environment"], shown["status"]) == (
        number,
        "shop",
        "staging",
        "planning",
    )
    assert [
        each["number"] for each in call("GET", "deployments?app=shop&environment=staging").json()["deployments"]
    ] == [number]
    assert call("GET", "deployments?app=shop&environment=production").json() == {"deployments": []}
    assert call("GET", "status").json()["reply"]["code"] == "status"


def test_one_stops_what_runs(call):
    number = call("POST", "deployments", DEPLOY).json()["deployment"]

    answer = call("POST", f"deployments/{number}/cancel", {"reason": "wrong branch"})

    assert answer.status_code == 202
    assert Deployment.objects.get().status == "cancelled"
    assert call("POST", f"deployments/{number}/cancel").status_code == 409


def test_one_approves_what_others_asked_for_and_a_service_only_says_no(call, robot, shop):
    factories.grant(robot, "approver", app=shop)
    bob = factories.person("bob", role="approver", app=shop)
    _, bobs = tokens.issue(bob, "night", scopes=["approve"], days=1, by=bob)
    staging = shop.environments.get(name="staging")
    waiting = [
        Deployment.objects.create(
            app=shop,
            environment=staging,
            ref="main",
            requested_by=factories.person(role="deployer"),
            status="awaiting_approval",
            deadline=timezone.now() + timedelta(hours=1),
        )
        for _ in range(2)
    ]

    refused = call("POST", f"deployments/{waiting[0].pk}/reject", {"reason": "no tests"})

    assert refused.status_code == 200
    assert Deployment.objects.get(pk=waiting[0].pk).status == "rejected"
    assert call("POST", f"deployments/{waiting[0].pk}/reject", {}).json()["error"]["params"] == {"field": "reason"}
    assert call("POST", f"deployments/{waiting[1].pk}/approve", {"text": "123456"}).status_code == 400
    said = call("POST", f"deployments/{waiting[1].pk}/approve")
    assert (said.status_code, said.json()["error"]["code"]) == (403, "service_approval")
    assert call("POST", f"deployments/{waiting[1].pk}/approve", text=bobs).json()["error"]["code"] == "plan_changed"


@pytest.mark.parametrize(
    "text", ["", "shiproom_", "shiproom_guessed", "sécret", "Bearer", "shiproom_" + "x" * 200, "shiproom_\u00e9"]
)
def test_without_a_token_nothing_is_told(call, text):
    answer = call("POST", "deployments", DEPLOY, text=text.encode("utf-8", "replace").decode("latin-1"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert AuditEntry.objects.get(action="api.request").outcome == "auth"
    assert not Deployment.objects.exists()


def test_a_token_ends(call, token, robot):
    Token.objects.filter(pk=token.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert call("GET", "status").status_code == 401

    Token.objects.filter(pk=token.pk).update(expires=timezone.now() + timedelta(days=1))
    assert call("GET", "status").status_code == 200
    tokens.revoke(token, by=None)
    assert call("GET", "status").status_code == 401


def test_a_token_ends_with_its_person(call, robot):
    robot.is_active = False
    robot.save()

    assert call("GET", "status").status_code == 401


@pytest.mark.parametrize("path", [path for path in views.DOORS if "int" not in path])
def test_a_scope_is_asked_for(call, token, path):
    Token.objects.filter(pk=token.pk).update(scopes=["approve"])

    for method in views.DOORS[path]:
        answer = call(method, path, DEPLOY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_scope")
    assert AuditEntry.objects.filter(action="api.request", outcome="token_scope", actor=token.person).exists()


def test_a_token_is_good_where_it_is_bound_to_alone(call, token, shop):
    elsewhere = call("POST", "deployments", {**DEPLOY, "environment": "production"}).json()["deployment"]
    Token.objects.filter(pk=token.pk).update(app=shop, environment="staging")

    assert call("POST", "deployments", {**DEPLOY, "environment": "production"}).status_code == 403
    assert call("GET", f"deployments/{elsewhere}").status_code == 404
    assert call("POST", f"deployments/{elsewhere}/cancel").status_code == 404
    assert call("GET", "deployments?environment=production").status_code == 403
    assert call("POST", "deployments", DEPLOY).status_code == 202
    assert len(call("GET", "deployments").json()["deployments"]) == 1


def test_what_the_person_may_not_see_is_not_there(call, robot, shop):
    hidden = factories.app("secret")
    there = factories.environment(hidden, "staging", servers=(factories.server(),))
    number = Deployment.objects.create(app=hidden, environment=there, ref="main", requested_by=robot).pk

    assert call("POST", "deployments", {"app": "secret", "environment": "staging"}).status_code == 404
    assert call("GET", f"deployments/{number}").status_code == 404
    assert call("GET", "deployments?app=secret").status_code == 404
    assert call("GET", f"deployments/{2**70}").status_code == 404


def test_what_stands_in_the_way_is_told_as_in_the_room(call, shop):
    Lock.objects.create(app=shop, environment="staging", owner=factories.person("bob"), reason="a migration")

    answer = call("POST", "deployments", DEPLOY)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "locked")
    assert "bob" in error["text"]
    assert error["suggest"][0] == "/deploy shop to staging --queue"
    assert call("POST", "deployments", {**DEPLOY, "queue": True}).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"app": "shop"},
        {**DEPLOY, "more": 1},
        {**DEPLOY, "app": "shop; id"},
        {**DEPLOY, "app": "shop/main to production"},
        {**DEPLOY, "environment": "staging!"},
        {**DEPLOY, "environment": "staging because x"},
        {**DEPLOY, "environment": "prod\n"},
        {**DEPLOY, "ref": "main to production"},
        {**DEPLOY, "ref": "--all"},
        {**DEPLOY, "ref": 'a"b'},
        {**DEPLOY, "ref": "caf\u2019e"},
        {**DEPLOY, "servers": "web-1"},
        {**DEPLOY, "servers": ["web-1 to production"]},
        {**DEPLOY, "servers": [1]},
        {**DEPLOY, "when": "at noon | x"},
        {**DEPLOY, "params": "a because b"},
        {**DEPLOY, "params": "two  spaces"},
        {**DEPLOY, "reason": "one\ntwo"},
        {**DEPLOY, "reason": "x" * 501},
        {**DEPLOY, "force": "yes"},
        {**DEPLOY, "task": "a b"},
    ],
)
def test_no_field_says_what_belongs_to_another(call, body):
    answer = call("POST", "deployments", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_args")
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"a":' * 9000])
def test_what_is_no_json_is_said_to_be_none(call, raw):
    assert call("POST", "deployments", raw=raw).json()["error"]["code"] == "bad_frame"


def test_a_program_that_asks_too_often_waits(call, settings):
    settings.API_RATE = 2

    answers = [call("GET", "status") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= settings.API_RATE_WINDOW_S + 1


def test_guessing_fills_no_audit_log(call, settings):
    settings.API_REFUSALS_KEPT = 2
    views._kept.cache_clear()

    for _ in range(4):
        call("GET", "status", text="shiproom_x")

    views._kept.cache_clear()
    assert AuditEntry.objects.filter(action="api.request").count() == 2


def test_a_cookie_is_no_token(client, robot):
    client.force_login(robot)

    assert client.get("/api/v1/status").status_code == 401


def test_other_methods_are_named(call):
    answer = call("DELETE", "deployments")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST")


def test_the_answer_is_in_the_readers_language(call):
    assert "部署" in call("POST", "deployments", DEPLOY, **{"Accept-Language": "zh-hans"}).json()["reply"]["text"]


@pytest.mark.parametrize(("scopes", "days", "name"), [((), 1, "a"), (("root",), 1, "a"), (("deploy",), 0, "a")])
def test_a_token_wants_scopes_and_an_end(robot, scopes, days, name):
    with pytest.raises(ValidationError):
        tokens.issue(robot, name, scopes=scopes, days=days, by=None)


def test_only_the_hash_of_a_token_is_kept(token):
    kept = [str(value) for value in Token.objects.values().get().values()]

    assert not any(token.text in value for value in kept)
    assert tokens.found(token.text) == token


def run(*words):
    out = StringIO()
    call_command("token", *words, stdout=out)
    return out.getvalue()


def test_the_command_makes_lists_and_ends_tokens(call, robot, shop):
    text = run("add", "ci", "night", "--scope", "status", "--days", "2", "--app", "shop").strip()

    assert call("GET", "status", text=text).status_code == 200
    assert "ci night shiproom_" in run("list")
    assert text not in run("list")
    run("revoke", "ci", "night")
    assert call("GET", "status", text=text).status_code == 401
    for words in (
        ("add", "nobody", "x", "--scope", "status"),
        ("add", "ci", "x", "--scope", "status", "--app", "sohp"),
        ("add", "ci", "x"),
        ("add", "ci", "night", "--scope", "status"),
        ("revoke", "ci", "x"),
    ):
        with pytest.raises(CommandError):
            run(*words)
