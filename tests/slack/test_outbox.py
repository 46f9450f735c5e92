"""What Slack is told of rooms and deployments: once, in order, seldom enough, and whatever happens to it or to us."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room import messages
from chatops.slack import calls, outbox, workspaces
from chatops.slack.models import Channel, Post, Workspace
from chatops.slack.sender import Sender
from deploy_core.ledger import journal, notices
from deploy_core.models import Deployment
from deploy_core.rules.status import Status, StepStatus
from tests import factories
from tests.waiting import wait_until

DEPLOY = "shop/main to staging"


@pytest.fixture
def deployment(ship):
    """A deployment that alice asked for in Slack, of which Slack has heard nothing yet."""
    ship.user().command(DEPLOY)
    return Deployment.objects.get()


def _texts(ship, thread=""):
    return [message.text for message in ship.slack.in_channel(ship.there.id, thread)]


def _say(ship, line, person=None):
    outcome = messages.post(
        author=person or ship.alice,
        room=ship.room,
        text=line,
        client_id=f"web-{line}-{timezone.now()}"[:64],
        surface="web",
    )
    assert outcome["result"] != "error", outcome
    return outcome


def test_a_deployment_is_one_message_edited_to_its_end_with_a_thread_for_what_went_wrong(ship, deployment):
    ship.send_all()
    (first,) = ship.messages
    ship.fail(deployment)
    ship.send_all()

    (message,) = ship.messages
    (said,) = ship.slack.in_channel(ship.there.id, message.ts)
    assert (message.ts, message.edits > 0) == (first.ts, True)
    assert message.text.endswith("failed")
    assert [element["action_id"] for element in message.blocks[-1]["elements"]] == [
        "deploy.retry", "deploy.rollback", "deploy.open",
    ]  # fmt: skip
    assert said.is_broadcast
    assert said.text.startswith("<@UALICE>")


def test_a_success_is_told_in_the_thread_only_when_it_took_long(ship, deployment, settings):
    settings.SLACK_SLOW_S = 60
    ship.run(deployment)
    journal.move(deployment.pk, Status.SUCCEEDED)
    ship.send_all()
    quick = len(ship.slack.in_channel(ship.there.id, ship.messages[0].ts))

    ship.user().command(DEPLOY)
    slow = Deployment.objects.latest("pk")
    ship.run(slow)
    Deployment.objects.filter(pk=slow.pk).update(started=timezone.now() - timedelta(minutes=3))
    journal.move(slow.pk, Status.SUCCEEDED)
    ship.send_all()

    (said,) = ship.slack.in_channel(ship.there.id, ship.messages[1].ts)
    assert quick == 0
    assert (said.is_broadcast, said.text.startswith("<@UALICE>")) == (False, True)


def test_200_step_changes_are_at_most_12_calls_and_the_last_text_is_the_end(ship, settings):
    settings.SLACK_EDIT_GAP_S, settings.SLACK_EDIT_GAP_MOST_S = 0.1, 30.0
    for number in range(2, 41):
        server = factories.server(f"web-{number}")
        ship.staging.placements.create(server=server, position=number)
    ship.user().command(DEPLOY)
    deployment = Deployment.objects.get()
    ship.slack.trouble("chat.update", retry_after_s=1)
    sender, over = Sender("test"), threading.Event()

    def drain():
        from django.db import connection

        while not over.is_set():
            over.wait(sender.round())
        connection.close()

    drainer = threading.Thread(target=drain)
    drainer.start()
    ship.run(deployment)
    changes = 0
    for step in deployment.steps.exclude(kind="start")[:105]:
        for status in (StepStatus.RUNNING, StepStatus.SUCCEEDED):
            ship.step(deployment, step.key, status)
            changes += 1
    journal.move(deployment.pk, Status.SUCCEEDED)
    wait_until(lambda: ship.messages and ship.messages[0].text.endswith("done"))
    over.set()
    drainer.join()

    assert changes >= 200
    assert len(ship.slack.calls) <= 12
    assert not Post.objects.filter(is_done=False).exists()


def test_nothing_is_sent_before_slack_wants_to_hear_again_also_after_a_restart(ship, deployment):
    ship.slack.trouble("chat.postMessage", retry_after_s=30)
    Sender("before").round()
    Sender("after a restart").round()

    workspace = Workspace.objects.get()
    assert ship.slack.count("chat.postMessage") == 1
    assert workspace.quiet_until > timezone.now() + timedelta(seconds=25)
    Workspace.objects.update(quiet_until=None)
    ship.send_all()
    assert len(ship.messages) == 1


def test_trouble_with_slack_is_not_felt_and_all_is_sent_later_in_order_each_once(ship, settings):
    settings.SLACK_TIMEOUT_S, settings.SLACK_UNSURE_S = 0.3, 1.0
    for number, trouble in enumerate(({"retry_after_s": 30.0}, {"status": 500}, {"hang_s": 0.5}), 1):
        ship.slack.trouble("chat.postMessage", **trouble)
        notices.tell(
            "announce.lock_expired", {"by": f"n{number}", "app": "shop", "environment": "staging"}, app=ship.shop
        )
    sent = ship.user().command(DEPLOY)
    for _ in range(3):
        Sender("test").round()
        Workspace.objects.update(quiet_until=None)
    deployment = Deployment.objects.get()
    ship.run(deployment)

    ship.send_all()

    assert (sent.status, Deployment.objects.get().status) == (200, "running")
    texts = _texts(ship)
    assert [text.split()[3] for text in texts[:3]] == ["n1", "n2", "n3"]
    assert len(texts) == 4


@pytest.mark.parametrize("lost", [{"is_answer_lost": True}, {"hang_s": 0.5}], ids=["cut", "silence"])
def test_a_message_whose_answer_was_lost_is_found_again(ship, deployment, settings, lost):
    if "hang_s" in lost:
        settings.SLACK_TIMEOUT_S, settings.SLACK_UNSURE_S = 0.3, 1.0
    ship.slack.trouble("chat.postMessage", **lost)

    ship.send_all()

    assert len(ship.messages) == 1
    assert ship.slack.count("conversations.history") == 1
    assert Post.objects.get(deployment=deployment).ts == ship.messages[0].ts


def test_so_is_one_in_a_thread(ship, deployment):
    ship.send_all()
    ship.slack.trouble("chat.postMessage", is_answer_lost=True)

    ship.fail(deployment)
    ship.send_all()

    assert len(ship.slack.in_channel(ship.there.id, ship.messages[0].ts)) == 1
    assert ship.slack.count("conversations.replies") == 1


def test_without_the_scope_to_look_there_are_at_most_two(ship, deployment):
    ship.fake.scopes = tuple(scope for scope in ship.fake.scopes if scope != "channels:history")
    ship.slack.trouble("chat.postMessage", is_answer_lost=True)

    ship.send_all()
    ship.fail(deployment)
    ship.send_all()

    assert len(ship.messages) == 2
    assert ship.messages[1].text.endswith("failed")


def test_a_message_that_somebody_deleted_comes_once_more(ship, deployment):
    ship.send_all()
    for number, status in enumerate((Status.QUEUED, Status.RUNNING)):
        ship.slack.messages.clear()
        journal.move(deployment.pk, status)
        ship.send_all()
        assert len(ship.messages) == (1 if number == 0 else 0)


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived"])
def test_a_channel_that_is_closed_gets_nothing_more_and_its_room_is_told_once(ship, deployment, error):
    ship.slack.trouble("chat.postMessage", error=error, times=5)

    ship.send_all()
    ship.run(deployment)
    ship.send_all()

    assert ship.slack.count("chat.postMessage") == 1
    assert Channel.objects.get().trouble == error
    told = ship.room.messages.filter(code="announce.slack_stopped")
    assert [message.params["error"] for message in told] == [error]
    ship.user().command("room demo")
    assert Channel.objects.get().trouble == ""


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "invalid_auth"])
def test_a_token_that_is_refused_ends_everything_there_until_it_is_installed_again(ship, deployment, error):
    ship.slack.trouble("chat.postMessage", error=error)

    ship.send_all()
    ship.send_all()

    assert ship.slack.count("chat.postMessage") == 1
    assert Workspace.objects.get().trouble == error
    assert ship.room.messages.filter(code="announce.slack_broken").count() == 1
    workspaces.install({"team": {"id": "T1"}, "scope": "chat:write"}, ship.fake.token, by=ship.alice)
    ship.send_all()
    assert len(ship.messages) == 1


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}}]
)
def test_a_workspace_that_removed_the_app_is_sent_nothing_and_its_token_is_forgotten(ship, deployment, event):
    ship.user().event(event)
    ship.user().event(event)

    Sender("test").round()

    workspace = Workspace.objects.get()
    assert (workspace.sealed, workspace.removed is not None) == ("", True)
    assert ship.slack.calls == []
    assert "not installed" in ship.user().command(DEPLOY).told["text"]


def test_a_message_that_slack_finds_too_large_goes_as_its_first_words(ship, deployment):
    ship.slack.trouble("chat.postMessage", error="invalid_blocks")

    ship.send_all()

    assert len(ship.messages) == 1
    assert f"/deployments/{deployment.pk}/" in ship.messages[0].text


def test_one_process_sends_at_a_time_and_another_takes_over_when_it_is_silent(ship, deployment):
    Workspace.objects.update(drained_by="another", drained_until=timezone.now() + timedelta(seconds=30))
    Sender("me").round()
    while_held = ship.slack.count("chat.postMessage")

    Workspace.objects.update(drained_until=timezone.now() - timedelta(seconds=1))
    ship.send_all()

    assert while_held == 0
    assert len(ship.messages) == 1


def test_what_the_web_changes_is_told_in_the_channel_and_what_it_only_looks_at_is_not(ship):
    _say(ship, "/lock shop in staging")
    _say(ship, "/status")
    _say(ship, "hello everybody")

    ship.send_all()

    (text,) = _texts(ship)
    assert text.startswith("*<@UALICE>*: `/lock shop in staging`")


def test_what_was_typed_in_the_channel_itself_is_not_said_there_twice(ship):
    sent = ship.user().command("lock shop in staging")

    ship.send_all()

    assert sent.told["response_type"] == "in_channel"
    assert _texts(ship) == []


def test_no_message_comes_back_from_the_room_to_slack_and_again(ship, deployment):
    ship.send_all()
    before = len(ship.slack.messages)
    for _ in range(5):
        for message in list(ship.slack.messages.values()):
            said = {
                "type": "message",
                "channel": message.channel,
                "ts": message.ts,
                "text": message.text,
                "bot_id": "B1",
            }
            ship.user("UBOT").event(said)
            person = {name: value for name, value in said.items() if name != "bot_id"} | {"user": "UALICE"}
            ship.user().event({**person, "thread_ts": message.ts})
            ship.user().event({**said, "subtype": "message_changed", "message": person, "previous_message": said})
            ship.user().event({**said, "subtype": "message_deleted", "deleted_ts": message.ts})
            ship.user("UBOT").event({**said, "type": "app_mention", "text": f"<@UBOT> {message.text}", "user": "UBOT"})
        ship.send_all()

    assert len(ship.slack.messages) == before
    assert Deployment.objects.count() == 1
    assert not ship.room.messages.filter(kind="chat").exists()


def test_a_deployment_of_the_web_shows_in_slack_and_one_of_slack_in_the_web_and_both_end_alike(ship):
    _say(ship, f"/deploy {DEPLOY}")
    ship.run(Deployment.objects.get())
    journal.move(Deployment.objects.get().pk, Status.SUCCEEDED)
    ship.user().command(DEPLOY)
    ship.run(Deployment.objects.latest("pk"))
    journal.move(Deployment.objects.latest("pk").pk, Status.SUCCEEDED)

    ship.send_all()

    first, second = Deployment.objects.order_by("pk")
    assert [message.text.endswith("done") for message in ship.messages] == [True, True]
    assert all("<@UALICE>" in message.blocks[0]["text"]["text"] for message in ship.messages)
    assert [each.surface for each in (first, second)] == ["web", "slack"]
    assert first.status == second.status == "succeeded"


def test_the_author_of_a_deployment_to_a_protected_environment_is_asked_where_only_they_see_it(ship):
    ship.staging.is_protected = True
    ship.staging.save()
    ship.user().command(DEPLOY)
    deployment = Deployment.objects.get()
    ship.plan(deployment)

    ship.send_all()

    (asked,) = ship.slack.whispers
    yes = asked["blocks"][-1]["elements"][0]
    assert (asked["user"], asked["channel"], yes["action_id"]) == ("UALICE", ship.there.id, "deploy.confirm")
    ship.user("UBOB").press("1.0", "deploy.confirm", yes["value"])
    assert Deployment.objects.get().status == "awaiting_confirmation"
    ship.user().press("1.0", "deploy.confirm", yes["value"])
    assert Deployment.objects.get().status == "queued"


def test_those_who_may_approve_are_called_and_its_author_is_not(ship):
    ship.staging.approvals_needed = 1
    ship.staging.save()
    factories.grant(ship.bob, "approver", app=ship.shop)
    ship.user().command(DEPLOY)
    ship.plan(Deployment.objects.get())

    ship.send_all()

    (card,) = ship.messages
    (asked,) = ship.slack.in_channel(ship.there.id, card.ts)
    assert (asked.is_broadcast, asked.text.split()[0]) == (True, "<@UBOB>")
    assert "<@UALICE>" not in asked.text
    assert [element["action_id"] for element in card.blocks[-1]["elements"]][:2] == ["deploy.approve", "deploy.reject"]


def test_what_we_cannot_tell_or_send_stands_in_nobodys_way(ship, monkeypatch, caplog):
    from chatops.slack import mirror, sender

    ship.user().command(DEPLOY)
    monkeypatch.setattr(mirror, "draw", lambda *_: 1 / 0)
    notices.tell("announce.lock_expired", {"by": "n1", "app": "shop", "environment": "staging"}, app=ship.shop)
    whole = mirror._announce

    def once(channel, told):
        monkeypatch.setattr(mirror, "_announce", whole)
        raise KeyError("params")

    monkeypatch.setattr(mirror, "_announce", once)
    notices.tell("announce.lock_expired", {"by": "n2", "app": "shop", "environment": "staging"}, app=ship.shop)

    ship.send_all()

    assert [text.split()[3] for text in _texts(ship)] == ["n2"]
    assert Post.objects.get(deployment__isnull=False).tries == sender.MOST_FAULTS
    assert "could not send" in caplog.text


def test_a_token_that_does_not_open_waits_for_the_key(ship, deployment):
    sealed = Workspace.objects.get().sealed
    Workspace.objects.update(sealed="v1.another.AAAA")
    Sender("test").round()
    Workspace.objects.update(sealed=sealed, quiet_until=None)

    ship.send_all()

    assert len(ship.messages) == 1


def test_a_bot_that_may_not_whisper_writes_to_the_person(ship):
    ship.slack.trouble("chat.postEphemeral", error="user_not_in_channel")

    outbox.whisper(ship.workspace, ship.there.id, "UALICE", "k", {"text": "for you"})
    ship.send_all()

    assert [message.text for message in ship.slack.in_channel("UALICE")] == ["for you"]


def test_a_mention_in_the_thread_of_a_deployment_means_it_and_is_answered_there(ship, deployment):
    ship.send_all()
    ship.user().mention("cancel", thread=ship.messages[0].ts)
    ship.user("UBOB").mention("retry", thread=ship.messages[0].ts)
    ship.send_all()

    assert Deployment.objects.get().status == "cancelled"
    assert [whisper["user"] for whisper in ship.slack.whispers][-1] == "UBOB"
    assert any("stopped" in text for text in _texts(ship, ship.messages[0].ts))


def test_only_slacks_own_hooks_are_hooks(ship, settings):
    settings.SLACK_HOOKS_URL = "https://hooks.slack.com/"

    good = calls.is_hook("https://hooks.slack.com/commands/T1/2/3")
    bad = [
        "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", "https://hooks.slack.com:8443/",
        "https://hooks.slack.com@evil.example/", "https://me@hooks.slack.com/", "http://127.0.0.1:6379/", "", "https://[",
    ]  # fmt: skip

    assert good
    assert [url for url in bad if calls.is_hook(url)] == []
