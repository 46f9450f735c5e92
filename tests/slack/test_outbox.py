"""What Slack is told of rooms and deployments: once, in order, seldom enough, and whatever happens to it or to us."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

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
    settings.SLACK_EDIT_GAP_S, settings.SLACK_EDIT_GAP_MOST_S = 0.5, 60.0
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


def test_what_was_sent_long_ago_is_forgotten_but_for_deployments_and_what_still_waits(ship, deployment):
    for key, is_done in (("sent", True), ("waits", False)):
        post = outbox.put(ship.workspace, ship.there.id, key, {"text": "x"})
        Post.objects.filter(pk=post.pk).update(is_done=is_done)
    new = outbox.put(ship.workspace, ship.there.id, "new", {"text": "x"})
    Post.objects.create(workspace=ship.workspace, place="C1", key="card", deployment=deployment, is_done=True)
    Post.objects.exclude(pk=new.pk).update(created=timezone.now() - timedelta(days=31))
    Post.objects.filter(pk=new.pk).update(is_done=True)

    outbox.forget()

    assert set(Post.objects.values_list("key", flat=True)) == {"waits", "new", "card"}


def test_only_slacks_own_hooks_are_hooks(ship, settings):
    settings.SLACK_HOOKS_URL = "https://hooks.slack.com/"

    good = calls.is_hook("https://hooks.slack.com/commands/T1/2/3")
    bad = [
        "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", "https://hooks.slack.com:8443/",
        "https://hooks.slack.com@evil.example/", "https://me@hooks.slack.com/", "http://127.0.0.1:6379/", "", "https://[",
    ]  # fmt: skip

    assert good
    assert [url for url in bad if calls.is_hook(url)] == []
