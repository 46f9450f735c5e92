"""What is let in at /slack/events, what is turned away, and that nothing of it is logged."""

import logging
import time
from urllib.parse import urlencode

import pytest

from chatops.room.models import Line
from chatops.slack import guard
from chatops.slack.models import Delivery
from deploy_core.models import AuditEntry, Deployment
from tests.services.slack_people import FORM, JSON
from tests.waiting import wait_until

DEPLOY = "shop/main to staging"


def _body(ship, text=DEPLOY):
    user = ship.user()
    fields = {"command": "/deploy", "text": text, "team_id": "T1", "channel_id": user.channel, "user_id": user.user}
    return urlencode(fields | {"trigger_id": ship.slack.trigger(), "response_url": ship.slack.hook()}).encode()


@pytest.fixture(autouse=True)
def _counted_anew(monkeypatch):
    monkeypatch.setattr(guard, "tally", guard.Tally())


def test_what_slack_signed_just_now_runs_as_the_linked_person_and_is_answered(ship):
    sent = ship.user().command(DEPLOY)

    deployment = Deployment.objects.get()
    assert sent.status == 200
    assert (deployment.requested_by, deployment.surface) == (ship.alice, "slack")
    assert sent.told["response_type"] == "ephemeral"
    assert f"#{deployment.pk}" in sent.told["text"]


def test_a_bad_signature_is_turned_away_counted_and_not_read(ship, caplog):
    body = _body(ship, "secret words")
    headers = ship.mail.signed(body) | {"X-Slack-Signature": "v0=" + "0" * 64}

    answers = [ship.mail.raw(body, headers).status for _ in range(3)]

    assert answers == [401] * 3
    assert not Line.objects.exists()
    entry = AuditEntry.objects.get(action="slack.request")
    assert (entry.outcome, entry.params["count"]) == ("bad_signature", 1)
    assert guard.tally._counts["bad_signature"] == 2
    assert "secret words" not in caplog.text


@pytest.mark.parametrize("age_s", [301, -301])
def test_a_right_signature_of_another_time_is_turned_away(ship, age_s):
    body = _body(ship)

    sent = ship.mail.raw(body, ship.mail.signed(body, at=int(time.time()) - age_s))

    assert (sent.status, Line.objects.exists()) == (401, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Slack-Request-Timestamp": "abc"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "１７００００００００"},
        {"X-Slack-Request-Timestamp": "9" * 13},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": "v1=" + "0" * 64},
    ],
    ids=["no number", "no timestamp", "wide digits", "too long", "no signature", "non-ASCII", "another version"],
)
def test_a_timestamp_or_signature_that_is_none_is_turned_away_without_a_fault(ship, changes):
    body = _body(ship)

    sent = ship.mail.raw(body, ship.mail.signed(body) | changes)

    assert (sent.status, Line.objects.exists()) == (401, False)


def test_a_body_that_is_no_text_is_refused(ship):
    body = b"text=\xff\xfe"
    headers = ship.mail.signed(b"") | {"Content-Type": "application/x-www-form-urlencoded"}

    assert ship.mail.raw(body, headers).status == 400


def test_a_body_above_the_limit_is_refused(ship):
    body = b"text=" + b"x" * guard.BODY_LIMIT_BYTES

    assert ship.mail.raw(body, ship.mail.signed(body)).status == 413


def test_nothing_but_post_is_answered(ship, client):
    assert client.get("/slack/events").status_code == 405


def test_without_a_signing_secret_there_is_no_door(ship, settings):
    settings.SLACK_SIGNING_SECRET = ""

    assert ship.user().command(DEPLOY).status == 404


def test_the_same_signed_request_twice_runs_once_and_gets_the_same_answer(ship):
    first = ship.user().command(DEPLOY)
    second = ship.mail.again(first)

    assert (second.status, second.told) == (200, first.told)
    assert (Deployment.objects.count(), Line.objects.count()) == (1, 1)
    wait_until(lambda: Delivery.objects.exclude(answer={}).count() == 1)


def test_a_retry_after_the_first_was_handled_runs_nothing(ship):
    first = ship.user().mention(DEPLOY)
    second = ship.mail.again(first, **{"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"})
    ship.send_all()

    assert (first.status, second.status) == (200, 200)
    assert Deployment.objects.count() == 1


def test_a_response_url_that_is_not_slacks_is_never_called(ship, settings):
    elsewhere = "http://127.0.0.1:6379/"
    settings.SLACK_ACK_S = 0.0  # so that there is a late answer to be sent

    sent = ship.user().command(DEPLOY, response_url=elsewhere)
    stranger = ship.user(team="T9").command(DEPLOY, response_url=elsewhere)

    assert (sent.status, stranger.status) == (200, 200)
    assert ship.slack.hooked == []


def test_a_workspace_that_never_installed_the_app_runs_nothing_whatever_the_user_is_called(ship):
    sent = ship.user(team="T9").command(DEPLOY)

    assert sent.status == 200
    assert "not installed" in sent.told["text"]
    assert not Line.objects.exists()


def test_slacks_own_question_who_we_are_is_answered(ship):
    sent = ship.mail.event({"type": "url_verification", "challenge": "c-1"})

    assert (sent.status, sent.told) == (200, {"challenge": "c-1"})


def test_what_is_said_to_us_is_not_logged_even_where_nothing_listens(ship, caplog):
    caplog.set_level(logging.DEBUG)

    known = ship.user().command("status words-of-a-person")
    unknown = ship.mail.form({"command": "/other", "text": "words-of-a-person", "team_id": "T1", "user_id": "UALICE"})
    event = ship.user().event({"type": "reaction_added", "item": {"text": "words-of-a-person"}})

    assert [sent.status for sent in (known, unknown, event)] == [200, 200, 200]
    ours = [record for record in caplog.records if record.name.startswith(("chatops", "slack"))]
    assert not [
        record for record in ours if "words-of-a-person" in record.getMessage() and record.levelno > logging.DEBUG
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"payload=%7Bbroken", FORM),
        (b"payload=%5B%5D", FORM),
        (b"payload=" + b"%5B" * 3000, FORM),
        (b"payload=%7B%22type%22%3A%22block_actions%22%2C%22team%22%3A%7B%22id%22%3A%22T1%22%7D%7D", FORM),
        (b'{"type": "event_callback", "team_id": "T1"}', JSON),
        (b'{"type": "event_callback", "team_id": "T1", "event": []}', JSON),
        (b'{"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention"}}', JSON),
        (b'{"type": "event_callback", "team_id": {}, "event": {"type": "app_mention"}}', JSON),
        (b"[]", JSON),
        (b"{", JSON),
        (b'"text"', JSON),
        (b"command=%2Fdeploy&team_id=T1", FORM),
        (b"\xf0\x9f\x9a\x80", FORM),
    ],
)
def test_nonsense_that_is_signed_is_no_fault_of_ours(ship, body, kind):
    sent = ship.mail.raw(body, ship.mail.signed(body, kind=kind))

    assert sent.status < 500
    assert not Line.objects.exists()


@pytest.mark.parametrize(
    "text", ["a\x00b", "x" * 9000, "\U0001f680 " * 50, "deploy\nshop", "‮shop", "<!channel> &amp;", "'; DROP"]
)
def test_any_text_is_answered(ship, text):
    sent = ship.user().command(text)

    assert (sent.status, bool(sent.told["text"])) == (200, True)
    assert not Deployment.objects.exists()
