"""The fake Slack refuses what Slack refuses, so that what passes here has a meaning."""

import time
from http.client import RemoteDisconnected

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import WebClient

from tests.services.slack_people import Mail, Someone


@pytest.fixture
def client(slack):
    return WebClient(token=slack.workspace().token, base_url=slack.api_url, retry_handlers=[], timeout=5)


@pytest.fixture
def channel(slack):
    return slack.channel("ops")


def _refused(call, *args, **kwargs):
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    return caught.value.response


def _section(text="x", **fields):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **fields}


def _button(**fields):
    label = {"type": "plain_text", "text": "Go"}
    return {"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": label, **fields}]}


@pytest.mark.parametrize(
    "blocks",
    [
        [_section()] * 51,
        [_section("x" * 3001)],
        [_section("")],
        [_section(block_id="a"), _section(block_id="a")],
        [_button(text={"type": "plain_text", "text": "x" * 76})],
        [_button(value="x" * 2001)],
        [_button(action_id="x" * 256)],
        [_button(text={"type": "mrkdwn", "text": "x"})],
        [{"type": "actions", "elements": []}],
        [{"type": "actions", "elements": _button()["elements"] * 2}],
        [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        [{"type": "marquee"}],
    ],
)
def test_blocks_over_a_limit_are_refused(client, channel, blocks):
    assert _refused(client.chat_postMessage, channel=channel.id, text="x", blocks=blocks)["error"] == "invalid_blocks"


def test_a_text_over_the_limit_an_unknown_channel_and_a_wrong_token_are_refused(slack, client, channel):
    stranger = WebClient(token="xoxb-none", base_url=slack.api_url)

    assert _refused(client.chat_postMessage, channel=channel.id, text="x" * 40_001)["error"] == "msg_too_long"
    assert _refused(client.chat_postMessage, channel="C0", text="x")["error"] == "channel_not_found"
    assert _refused(client.chat_update, channel=channel.id, ts="1.1", text="x")["error"] == "message_not_found"
    assert _refused(stranger.auth_test)["error"] == "invalid_auth"


def test_a_second_message_within_a_second_has_to_wait(slack, client, channel):
    slack.rates.limits = {"chat.postMessage": (1, 1.0)}
    client.chat_postMessage(channel=channel.id, text="first")

    refused = _refused(client.chat_postMessage, channel=channel.id, text="second")

    assert (refused.status_code, refused["error"]) == (429, "ratelimited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert len(slack.messages) == 1


def test_methods_that_look_take_no_json(slack, client, channel):
    posted = client.chat_postMessage(channel=channel.id, text="x", metadata={"event_type": "e", "event_payload": {}})

    found = client.conversations_history(channel=channel.id, include_all_metadata=True)["messages"]
    asked_as_json = client.api_call
    assert (found[0]["ts"], found[0]["metadata"]["event_type"]) == (posted["ts"], "e")
    assert (
        _refused(asked_as_json, "conversations.history", json={"channel": channel.id})["error"] == "channel_not_found"
    )


def test_a_form_is_opened_once_and_soon(slack, client, monkeypatch):
    view = {"type": "modal", "callback_id": "f", "blocks": [_section()]}
    view |= {part: {"type": "plain_text", "text": part} for part in ("title", "submit", "close")}
    used, old = slack.trigger(), slack.trigger()

    client.views_open(trigger_id=used, view=view)
    slack._triggers[old] = time.monotonic() - 3.1

    assert _refused(client.views_open, trigger_id=used, view=view)["error"] == "invalid_trigger_id"
    assert _refused(client.views_open, trigger_id=old, view=view)["error"] == "expired_trigger_id"
    too_long = view | {"title": {"type": "plain_text", "text": "x" * 25}}
    assert _refused(client.views_open, trigger_id=slack.trigger(), view=too_long)["error"] == "invalid_arguments"


def test_trouble_is_scripted_once_and_then_over(slack, client, channel):
    slack.trouble("chat.postMessage", retry_after_s=30)
    slack.trouble("chat.postMessage", status=500)
    slack.trouble("chat.postMessage", is_answer_lost=True)

    limited = _refused(client.chat_postMessage, channel=channel.id, text="1")
    failed = _refused(client.chat_postMessage, channel=channel.id, text="2")
    with pytest.raises(RemoteDisconnected):
        client.chat_postMessage(channel=channel.id, text="3")

    assert (limited.status_code, limited.headers["Retry-After"], failed.status_code) == (429, "30", 500)
    assert [message.text for message in slack.in_channel(channel.id)] == ["3"]


def test_what_people_do_is_signed_and_timed(slack):
    sent = []

    def keep(body, headers):
        sent.append(headers)
        return 200, b'{"text": "hi"}'

    delivery = Someone(slack, Mail("secret", keep)).command("status")

    assert sent[0]["X-Slack-Signature"].startswith("v0=")
    assert (delivery.told, delivery.is_in_time) == ({"text": "hi"}, True)
