"""What Slack hears of rooms, of deployments and of what one person is told; and what it is not told twice."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatops.room import messages
from chatops.slack import desk, mirror, outbox, sender, workspaces
from chatops.slack.asks import Ask
from chatops.slack.models import Post, Workspace
from chatops.slack.sender import Sender
from deploy_core import deployments
from deploy_core.ledger import journal, notices
from deploy_core.models import Deployment
from deploy_core.rules.status import Status
from tests import factories

DEPLOY = "shop/main to staging"


def test_what_happened_while_the_app_was_removed_is_not_told_when_it_is_back(ship):
    ship.user().command(DEPLOY)
    workspaces.remove(ship.workspace, "asked", by=ship.alice)
    _say(ship, "/lock shop in staging")

    workspaces.install({"team": {"id": "T1"}, "scope": "chat:write"}, ship.fake.token, by=ship.alice)
    ship.send_all()
    before = _texts(ship)
    _say(ship, "/unlock shop in staging")
    ship.send_all()

    assert before == []
    assert ["/unlock" in text for text in _texts(ship)] == [True]


def test_rooms_are_told_once_that_slack_is_behind_and_once_that_it_has_everything(ship, settings):
    settings.SLACK_BEHIND_S = 60
    _say(ship, "/lock shop in staging")
    ship.slack.trouble("chat.postMessage", retry_after_s=30)
    Sender("test").round()
    quick = ship.room.messages.filter(code__startswith="announce.slack").count()
    Post.objects.update(created=timezone.now() - timedelta(seconds=61))
    for _ in range(2):
        Sender("test").round()
    Workspace.objects.update(quiet_until=None)
    ship.send_all()
    for _ in range(2):
        Sender("test").round()

    codes = ship.room.messages.filter(code__startswith="announce.slack").order_by("pk").values_list("code", flat=True)
    assert (quick, list(codes)) == (0, ["announce.slack_behind", "announce.slack_caught_up"])
    assert len(_texts(ship)) == 1


def test_a_round_with_nothing_to_send_writes_nothing(ship, deployment):
    ship.send_all()
    journal.move(deployment.pk, Status.QUEUED)
    ship.send_all()

    with CaptureQueriesContext(connection) as asked:
        Sender("test").round()

    assert [each["sql"] for each in asked if not each["sql"].startswith("SELECT")] == []


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


def test_what_the_web_changes_is_told_in_the_channel_and_what_it_only_looks_at_is_not(ship):
    _say(ship, "/lock shop in staging")
    _say(ship, "/status")
    _say(ship, "hello everybody")

    ship.send_all()

    (text,) = _texts(ship)
    assert text.startswith("*<@UALICE>*: `/lock shop in staging`")


def test_an_answer_is_shown_with_the_line_that_it_answers_whatever_ids_others_give_theirs(ship):
    carol = factories.person("carol", role="manager")
    ship.room.members.add(carol)
    for author, line in ((ship.alice, "/lock shop in staging"), (carol, "/unlock! shop in staging because I may")):
        messages.post(author=author, room=ship.room, text=line, client_id="the-same", surface="web")

    ship.send_all()

    assert ["/lock" in _texts(ship)[0], "/unlock" in _texts(ship)[1]] == [True, True]
    assert _texts(ship)[1].startswith("*carol*")


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


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("rollback", "rollback #{}"),
        ("rollback because it is slow", "rollback #{} because it is slow"),
        ("rollback shop in staging", "rollback shop in staging"),
        ("logs web-1 --tail 5", "logs #{} web-1 --tail 5"),
        ("status", "status #{}"),
        ("status shop", "status shop"),
        ("retry --failed", "retry #{} --failed"),
        ("cancel #7", "cancel #7"),
        ("deploy shop to staging", "deploy shop to staging"),
    ],
)
def test_in_a_thread_only_what_names_nothing_means_its_deployment(ship, line, meant):
    number = deployments.request(ship.shop, "main", ship.staging, by=ship.alice, surface="web").pk
    Post.objects.create(workspace=ship.workspace, place="C1", key="card", ts="1.0", deployment_id=number)
    ask = Ask("mention", "k", "T1", "UALICE", channel="C1", text=line, thread="1.0")

    assert desk._in_thread(ask, ship.workspace) == meant.format(number)


def test_a_mention_in_the_thread_of_a_deployment_means_it_and_is_answered_there(ship, deployment):
    ship.send_all()
    ship.user().mention("cancel", thread=ship.messages[0].ts)
    ship.user("UBOB").mention("retry", thread=ship.messages[0].ts)
    ship.send_all()

    assert Deployment.objects.get().status == "cancelled"
    assert [whisper["user"] for whisper in ship.slack.whispers][-1] == "UBOB"
    assert any("stopped" in text for text in _texts(ship, ship.messages[0].ts))
