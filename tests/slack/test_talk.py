"""What people say to each other, in a room and in the channel that shows it: both ways, once, and only where wanted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from chatops.room import frames, messages, people, talk
from chatops.room.models import Event, Message
from chatops.slack import hearing, nicknames, opting, outbox, rooms, workspaces
from chatops.slack.models import Heard, Post, Workspace
from chatops.slack.sender import Sender
from deploy_core.models import AuditEntry, Deployment, Grant
from tests import factories

HOOK = "xoxb-" + "1234567890" * 3


@pytest.fixture
def tied(ship, settings):
    """What people say is shown in the room `demo` and in its channel, from now on. Ann has no account here."""
    settings.SEND_RATE = 1000
    nicknames.forget()
    hearing._windows.clear()
    ship.slack.users["UANN"] = {"name": "ann.b", "profile": {"display_name": "Ann"}}
    opting.begin(ship.channel, by=ship.alice, is_private=False, is_wide=False)
    ship.send_all()
    ship.slack.messages.clear()
    return ship


def _chat(ship):
    """What the room shows of people: who and what, in order."""
    shown = Message.objects.filter(kind="chat", room=ship.room).order_by("number").select_related("author")
    return [(message.said_by, message.text) for message in shown]


def _say(ship, text, *, by=None, answers=None, room=None):
    """Somebody says something in the web room; its message."""
    outcome = messages.post(
        author=by or ship.bob, room=room or ship.room, text=text, client_id=f"web-{Message.objects.count()}",
        surface="web", reply_to=answers,
    )  # fmt: skip
    return Message.objects.get(pk=outcome["message"])


def _texts(ship, thread=""):
    return [message.text for message in ship.slack.in_channel(ship.there.id, thread)]


# --- from Slack to the room -------------------------------------------------------------------------------------------
def test_what_a_linked_person_and_a_guest_say_in_the_channel_is_said_in_the_room(tied):
    tied.user("UBOB").say("is <@UALICE> there? &lt;3 <https://x.example/a?b=1&amp;c|the page>")
    tied.user("UANN").say("she is, with <@UOTHER> in <#C9|ops>")

    assert _chat(tied) == [
        ("bob", "is @alice there? <3 the page (https://x.example/a?b=1&c)"),
        ("Ann (Slack)", "she is, with UOTHER in #ops"),
    ]
    tied.user("UBOB").say("I am of another organisation", team="T9")
    assert _chat(tied)[2] == ("UBOB (Slack)", "I am of another organisation")
    assert [mention.person for mention in Message.objects.order_by("number")[1].mentions.all()] == [tied.alice]
    told = [frames.of_event(event)["by"] for event in Event.objects.filter(kind="message").order_by("number")]
    assert told[:2] == [
        {"id": tied.bob.pk, "name": "bob", "via": "slack"}, {"id": None, "name": "Ann (Slack)", "via": "slack"},
    ]  # fmt: skip


def test_a_redelivered_event_is_one_line(tied):
    said, delivery = tied.user("UBOB").say("hello")
    again = tied.mail.again(delivery, **{"X-Slack-Retry-Num": "1"})
    tied.user("UBOB").event(said)
    tied.user("UANN").say("hi")
    tied.mail.again(delivery)

    assert (delivery.status, again.status) == (200, 200)
    assert _chat(tied) == [("bob", "hello"), ("Ann (Slack)", "hi")]


@pytest.mark.parametrize("user", ["UBOB", "UANN"])
def test_the_same_message_many_times_at_once_is_one_line(tied, user):
    told = {"type": "message", "user": user, "text": "hello", "ts": "1795784598.000012", "team": "T1"}

    def tell(_):
        try:
            return tied.user(user).event({**told, "channel": tied.there.id}).status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        statuses = set(pool.map(tell, range(6)))

    assert (statuses, [text for _, text in _chat(tied)]) == ({200}, ["hello"])
    assert Heard.objects.count() == 1


@pytest.mark.parametrize("user", ["UBOB", "UANN"])
def test_an_edit_and_a_deletion_in_slack_are_followed(tied, user):
    ann = tied.user(user)
    said, _ = ann.say("helo")
    kept, _ = ann.say("stays")
    ann.rewrite(said, "hello &amp; welcome")
    edited = _chat(tied)
    ann.rewrite(said, f"hello {HOOK}")
    masked = _chat(tied)[0][1]
    ann.take_back(said)

    assert [text for _, text in edited] == ["hello & welcome", "stays"]
    assert masked == "hello [removed]"
    assert [text for _, text in _chat(tied)] == ["", "stays"]
    assert kept["ts"] in Heard.objects.values_list("ts", flat=True)
    assert not Event.objects.filter(payload__icontains="welcome").exists()


def test_a_parent_of_answers_that_is_deleted_in_slack_is_deleted_here(tied):
    said, _ = tied.user("UBOB").say("helo")
    rest = {"user": "USLACKBOT", "subtype": "tombstone", "text": "This message was deleted.", "ts": said["ts"]}

    tied.user("UBOB")._about(said, "message_changed", message=rest, previous_message=said)

    assert _chat(tied) == [("bob", "")]


def test_answers_in_a_thread_answer_what_it_stands_under(tied):
    tied.user().command("shop/main to staging")
    mine = _say(tied, "from the web")
    tied.send_all()
    card, shown = tied.messages
    said, _ = tied.user("UBOB").say("from Slack")
    for ts, text in ((said["ts"], "a"), (shown.ts, "b"), (card.ts, "c"), ("1.0", "d")):
        tied.user("UANN").say(text, thread=ts)

    answers = {message.text: message.reply_to for message in Message.objects.filter(text__in="abcd")}
    assert (answers["a"].text, answers["b"], answers["c"].kind) == ("from Slack", mine, "card")
    assert answers["d"] is None
    assert Deployment.objects.count() == 1


def test_files_stay_in_slack_and_are_named(tied):
    said, _ = tied.user("UBOB").say("look", subtype="file_share", files=[{"name": "a.png"}, {"title": "b\nc"}, 7])
    tied.user("UBOB").rewrite({name: said[name] for name in said if name != "files"}, "look")  # one was taken away

    assert _chat(tied) == [("bob", "look\n(files that stay in Slack: a.png, b c)")]


NOISE = (
    {"bot_id": "B1"},
    {"bot_id": "B7", "subtype": "bot_message"},
    {"app_id": "A9"},
    {"metadata": {"event_type": "shiproom_post", "event_payload": {}}},
    {"subtype": "channel_join"},
    {"subtype": "message_replied"},
    {"user": "UBOT"},
    {"user": None},
    {"text": " \n "},
    {"text": "<@UBOT> help"},
    {"ts": None},
    {"channel": "C999999"},
    {"ts": 7, "files": {}, "user": []},
    {"subtype": "message_changed", "message": 7, "previous_message": None},
    {"subtype": "message_deleted", "deleted_ts": {}, "previous_message": {"user": "UBOB"}},
)


def test_what_apps_say_and_what_merely_happens_is_not_heard(tied):
    told, _ = tied.user("UBOB").say("")
    heard = {}
    for noise in NOISE:
        status = tied.user("UBOB").event({**told, "text": "hello", **noise}).status
        heard[str(noise)] = status, _chat(tied)

    assert heard == {str(noise): (200, []) for noise in NOISE}
    assert tied.user("UBOB").event({**told, "text": "hello"}).status == 200
    assert _chat(tied) == [("bob", "hello")]


def test_nothing_that_is_said_runs_anything(tied):
    for line in ("/deploy shop to staging", "!deploy shop to staging", "deploy shop to staging", "//lock shop"):
        tied.user("UALICE").say(line)

    assert [text for _, text in _chat(tied)] == [
        "/deploy shop to staging", "!deploy shop to staging", "deploy shop to staging", "//lock shop",
    ]  # fmt: skip
    assert not Deployment.objects.exists()


def test_a_secret_is_not_stored_and_its_author_alone_is_told(tied):
    tied.user("UANN").say(f"use {HOOK}")
    tied.send_all()

    assert _chat(tied) == []
    (told,) = tied.slack.whispers
    assert (told["user"], "Slack" in told["text"], HOOK in str(told)) == ("UANN", True, False)
    assert AuditEntry.objects.filter(action="chat.secret", outcome="removed").count() == 1
    assert not Post.objects.filter(payload__icontains=HOOK).exists()


def test_who_may_not_write_in_the_room_is_told_so_once(tied):
    carol = factories.person("carol")
    tied.link("UCAROL", carol)
    for text in ("one", "two"):
        tied.user("UCAROL").say(text)
    tied.bob.is_active = False
    tied.bob.save()
    tied.user("UBOB").say("three")
    tied.user("UBOB", team="T1").say("x" * 9000)
    tied.send_all()

    assert _chat(tied) == []
    assert [told["user"] for told in tied.slack.whispers] == ["UCAROL", "UBOB"]
    assert "not in the room" in tied.slack.whispers[0]["text"]


def test_where_managers_alone_write_neither_others_nor_guests_do(tied):
    before = [tied.user(user).say("before")[0] for user in ("UBOB", "UANN")]
    tied.room.is_announcements = True
    tied.room.save()
    tied.room.memberships.filter(person=tied.alice).update(is_manager=True)
    said = [tied.user(user).say(f"{user} says")[0] for user in ("UBOB", "UANN", "UALICE")]
    for user, told in (("UBOB", said[0]), ("UBOB", before[0]), ("UANN", before[1])):
        tied.user(user).rewrite(told, "another")

    assert [text for _, text in _chat(tied)] == ["before", "before", "UALICE says"]


def test_what_is_too_long_or_too_fast_is_not_shown_and_its_author_told(tied, settings):
    tied.user("UANN").say("x" * (settings.TEXT_LIMIT + 1))
    settings.SEND_RATE, settings.SEND_RATE_WINDOW_S = 2, 3600.0
    hearing._windows.clear()
    for number in range(4):
        tied.user("UANN").say(f"{number}")
    tied.send_all()

    assert [text for _, text in _chat(tied)] == ["0", "1"]
    assert [("too long" in told["text"], "Too fast" in told["text"]) for told in tied.slack.whispers] == [
        (True, False), (False, True),
    ]  # fmt: skip


def test_names_are_asked_for_once_and_slack_that_is_away_costs_no_line(tied):
    tied.slack.trouble("users.info", status=500)
    tied.user("UODD").say("who am I?")
    for text in ("a", "b"):
        tied.user("UANN").say(text)

    assert _chat(tied) == [("UODD (Slack)", "who am I?"), ("Ann (Slack)", "a"), ("Ann (Slack)", "b")]
    assert tied.slack.count("users.info") == 2


def test_what_could_not_be_stored_is_asked_for_again(tied, monkeypatch):
    monkeypatch.setattr(hearing, "_store", lambda *_: 1 / 0)
    _, delivery = tied.user("UBOB").say("hello")
    monkeypatch.undo()
    again = tied.mail.again(delivery)

    assert (delivery.status >= 400, again.status, _chat(tied)) == (True, 200, [("bob", "hello")])


# --- from the room to Slack -------------------------------------------------------------------------------------------
def test_what_is_said_in_the_room_is_said_in_the_channel_and_calls_nobody_there(tied):
    _say(tied, "hi <!channel> & <@UALICE> @here")
    _say(tied, "/status", by=tied.alice)

    tied.send_all()

    assert _texts(tied) == ["*bob* (web): hi &lt;!channel&gt; &amp; &lt;@UALICE&gt; @here"]
    sent = [call.body for call in tied.slack.calls if call.method == "chat.postMessage"][-1]
    assert (sent["parse"], sent["link_names"]) == ("none", False)


def test_an_edit_a_deletion_and_an_answer_are_followed_in_slack(tied):
    first = _say(tied, "helo")
    tied.send_all()
    second = _say(tied, "gone soon")
    tied.send_all()
    answer = _say(tied, "an answer", answers=first)
    tied.send_all()
    _say(tied, "to the answer", answers=answer)
    tied.send_all()
    talk.edit(tied.bob, tied.room, first.pk, "hello <!here>")
    talk.delete(tied.bob, tied.room, second.pk)
    tied.send_all()

    (root,) = tied.messages
    assert (root.text, root.edits) == ("*bob* (web): hello &lt;!here&gt;", 1)
    assert _texts(tied, root.ts) == ["*bob* (web): an answer", "*bob* (web): to the answer"]
    updated = [call.body for call in tied.slack.calls if call.method == "chat.update"][-1]
    assert (updated["parse"], tied.slack.count("chat.delete")) == ("none", 1)
    assert not Post.objects.exclude(payload={}).exists()


def test_what_waits_is_sent_as_it_is_by_then_or_not_at_all(tied):
    first, second = _say(tied, "one"), _say(tied, "two")
    tied.slack.trouble("chat.postMessage", status=500)
    Sender("test").round()
    talk.edit(tied.bob, tied.room, first.pk, "uno")
    talk.delete(tied.bob, tied.room, second.pk)
    _say(tied, "three")

    tied.send_all()

    assert _texts(tied) == ["*bob* (web): uno", "*bob* (web): three"]


def test_talk_that_is_faster_than_slack_goes_together_and_each_line_is_still_its_own(tied):
    lines = [_say(tied, f"line {number} {'x' * 250}") for number in range(20)]
    tied.send_all()
    few = _texts(tied)
    _say(tied, "to the second", answers=lines[1])
    talk.edit(tied.bob, tied.room, lines[1].pk, "another")
    talk.delete(tied.bob, tied.room, lines[0].pk)
    talk.delete(tied.bob, tied.room, lines[2].pk)
    tied.user("UANN").say("which?", thread=tied.messages[0].ts)
    tied.send_all()
    root = tied.messages[0]
    shown = root.text.split("\n")
    for line in lines:
        talk.delete(tied.bob, tied.room, line.pk)
    tied.send_all()

    assert [text[13:20].strip() for text in "\n".join(few).split("\n")] == [f"line {number}" for number in range(20)]
    assert len(few) == 2
    assert [shown[0], shown[1][:19]] == ["*bob* (web): another", "*bob* (web): line 3"]
    assert _texts(tied, root.ts) == ["which?", "*bob* (web): to the second"]
    assert Message.objects.get(text="which?").reply_to == lines[1]
    assert tied.messages == []


def test_slack_that_was_away_gets_all_of_it_in_order_and_news_of_deployments_first(tied):
    for number in range(5):
        _say(tied, f"{number}")
    tied.slack.trouble("chat.postMessage", times=3, status=503)
    Sender("test").round()
    _say(tied, "/lock shop in staging", by=tied.alice)

    tied.send_all()

    said, lock = sorted(_texts(tied), key=lambda text: "/lock" in text)
    assert [line[-1] for line in said.split("\n")] == ["0", "1", "2", "3", "4"]
    assert "/lock" in lock


def test_an_answer_of_slack_that_was_lost_makes_no_second_message_and_a_deletion_finds_the_first(tied):
    said = _say(tied, "once")
    tied.slack.trouble("chat.postMessage", is_answer_lost=True)
    Sender("test").round()
    talk.delete(tied.bob, tied.room, said.pk)

    tied.send_all()

    assert (tied.slack.count("chat.postMessage"), _texts(tied)) == (2, [])


def test_answers_go_into_the_thread_of_a_deployment_and_of_what_was_said_in_slack(tied):
    tied.user().command("shop/main to staging")
    said, _ = tied.user("UBOB").say("how is it?")
    tied.user("UBOB").say("well?", thread=said["ts"])
    _say(tied, "well", answers=Message.objects.get(text="well?"))
    _say(tied, "slow", answers=Message.objects.get(kind="card"))

    tied.send_all()

    card = tied.slack.in_channel(tied.there.id)[-1]
    assert _texts(tied, said["ts"]) == ["well?", "*bob* (web): well"]
    assert _texts(tied, card.ts) == ["*bob* (web): slow"]


@pytest.mark.parametrize("end", ["the app is removed", "the channel is archived", "turned off"])
def test_what_is_never_sent_is_not_kept_either(tied, end):
    _say(tied, "between us")
    tied.slack.trouble("chat.postMessage", retry_after_s=30)
    Sender("test").round()
    waits = Post.objects.filter(payload__icontains="between us").count()
    if end == "the app is removed":
        tied.user().event({"type": "app_uninstalled"})
    elif end == "the channel is archived":
        tied.user().event({"type": "channel_archive", "channel": tied.there.id})
    else:
        opting.end(tied.channel, "slack_mirror_ended", by=tied.alice)

    assert waits == 1
    assert not Post.objects.filter(payload__icontains="between us").exists()


def test_private_answers_never_leave(tied):
    _say(tied, "hello")
    for line in ("/whoami", "/deploy shop to nowhere", f"use {HOOK}", "/stauts"):
        messages.post(author=tied.bob, room=tied.room, text=line, client_id=line[:60], surface="web")

    tied.send_all()

    assert _texts(tied) == ["*bob* (web): hello"]
    assert HOOK not in str(tied.slack.calls)


def test_what_was_heard_long_ago_is_not_followed_any_more(tied, settings):
    settings.SLACK_KEEP_DAYS = 1
    old, new = (tied.user("UBOB").say(text)[0] for text in ("old", "new"))
    Heard.objects.filter(ts=old["ts"]).update(at=timezone.now() - timedelta(days=2))
    outbox.forget()
    for said in (old, new):
        tied.user("UBOB").rewrite(said, "other")

    assert _chat(tied) == [("bob", "old"), ("bob", "other")]


# --- both, and round and round ----------------------------------------------------------------------------------------
def test_nothing_goes_round_between_two_channels_that_show_one_room(tied):
    other = tied.slack.channel("dev")
    link = rooms.tie(tied.workspace, other.id, "dev", tied.room, by=tied.alice)
    opting.begin(link, by=tied.alice, is_private=False, is_wide=False)
    tied.send_all()
    tied.slack.messages.clear()
    said, _ = tied.user("UANN").say("from ops")
    tied.send_all()
    _say(tied, "from the web")
    for _ in range(5):
        tied.send_all()
        for message in list(tied.slack.messages.values()):
            if message.is_of_people:
                continue
            told = {"type": "message", "channel": message.channel, "ts": message.ts, "text": message.text}
            told |= {"bot_id": "B1", "app_id": "A1", "user": "UBOT", "metadata": message.metadata}
            tied.user().event(told)
            tied.user().event({**told, "subtype": "message_changed", "message": told, "previous_message": {}})
    tied.user("UANN").rewrite(said, "from ops, again")
    tied.send_all()

    assert _chat(tied) == [("Ann (Slack)", "from ops, again"), ("bob", "from the web")]
    assert _texts(tied) == ["from ops, again", "*bob* (web): from the web"]
    assert [message.text for message in tied.slack.in_channel(other.id)] == [
        "*Ann (Slack)* (Slack): from ops, again", "*bob* (web): from the web",
    ]  # fmt: skip


def test_a_channel_that_two_workspaces_share_shows_its_line_once_in_one_room(tied):
    fake = tied.slack.workspace("T2")
    other = workspaces.install({"team": {"id": "T2"}, "scope": ",".join(fake.scopes)}, fake.token, by=tied.alice)
    link = rooms.tie(other, tied.there.id, "ops", tied.room, by=tied.alice)
    opting.begin(link, by=tied.alice, is_private=False, is_wide=True)
    tied.send_all()
    told, _ = tied.user("UBOB").say("hello")
    tied.user("UBOB", team="T2").event({**told, "team": "T1"})
    before = tied.slack.count("chat.postMessage")
    tied.send_all()

    assert (_chat(tied), tied.slack.count("chat.postMessage")) == ([("bob", "hello")], before)


# --- who turns it on, and off -----------------------------------------------------------------------------------------
@pytest.fixture
def asked(ship):
    """bob manages the room; nobody has turned anything on."""
    ship.room.memberships.filter(person=ship.bob).update(is_manager=True)
    return ship


def _answer(ship, line, user="UBOB"):
    return ship.user(user).command(line).told["text"]


def test_nothing_is_shown_on_the_other_side_until_a_manager_of_the_room_wants_it(asked):
    factories.grant(factories.person("dan"), "viewer", app=asked.shop)
    dan = factories.person("carol")
    asked.room.members.add(dan)
    asked.link("UDAN", dan)
    _say(asked, "before")
    asked.user("UANN").say("before, in Slack")
    refused, off = _answer(asked, "mirror on", "UDAN"), _answer(asked, "mirror")
    on = _answer(asked, "mirror on")
    again = _answer(asked, "Mirror ON")
    _say(asked, "after")
    asked.send_all()

    assert "bob" in refused
    assert "stays where it is said" in off
    assert "shown in both" in on
    assert on == again == _answer(asked, "mirror")
    notice, *texts = _texts(asked)[1:]
    assert ("bob turned that on" in notice, texts) == (True, ["*bob* (web): after"])
    assert [message.code for message in Message.objects.filter(kind="announcement")] == ["announce.slack_mirror_on"]
    assert [entry.outcome for entry in AuditEntry.objects.filter(action="slack.mirror")] == ["on", "on"]


def test_turned_off_it_stops_both_ways_at_once_and_what_waits_is_not_sent(asked):
    _answer(asked, "mirror on")
    asked.send_all()
    shown = _say(asked, "shown")
    asked.send_all()
    _say(asked, "too late")
    asked.slack.trouble("chat.postMessage", retry_after_s=30)
    Sender("test").round()
    _answer(asked, "mirror off")
    Workspace.objects.update(quiet_until=None)
    asked.user("UANN").say("hello?")
    _say(asked, "nor this")
    talk.delete(asked.bob, asked.room, shown.pk)
    asked.send_all()

    texts = _texts(asked)
    assert [text for text in texts if "(web)" in text] == []
    assert "not shown in the other" in texts[-1]
    assert "bob turned that off" in texts[-1]
    assert not Message.objects.filter(text="hello?").exists()


def test_what_more_people_would_read_than_the_room_lets_in_needs_a_clear_word(asked):
    asked.room.is_closed = True
    asked.room.save()
    warned = _answer(asked, "mirror on")
    asked.there.is_ext_shared = True
    shared = _answer(asked, "mirror on")
    asked.channel.refresh_from_db()
    was_off = asked.channel.talk is None
    _answer(asked, "mirror on anyway")
    asked.channel.refresh_from_db()

    assert "Everybody in this channel would read" in warned
    assert "other organisations" in shared
    assert (was_off, asked.channel.is_wide, asked.channel.may_talk) == (True, True, True)


def test_a_closed_room_and_a_channel_of_invited_people_need_no_second_word(asked):
    asked.room.is_closed = True
    asked.room.save()
    asked.there.is_private = True
    asked.workspace.scopes += ",groups:history"
    asked.workspace.save()
    told = _answer(asked, "mirror on")
    _say(asked, "among us")
    asked.user("UANN").say("all of us", channel_type="group")
    asked.send_all()

    assert "shown in both" in told
    assert _texts(asked)[-1] == "*bob* (web): among us"
    assert ("UANN (Slack)", "all of us") in _chat(asked)


def test_a_room_that_is_closed_is_not_read_in_a_public_channel_any_more(asked):
    _answer(asked, "mirror on")
    _say(asked, "open")
    people.change(asked.bob, asked.room, topic="", is_closed=True, is_announcements=False)
    asked.user("UANN").say("hello?")
    _say(asked, "among us")
    asked.send_all()

    assert [text for text in _texts(asked) if "(web)" in text] == []
    assert "more people than are let into" in _texts(asked)[-1]
    assert not Message.objects.filter(text="hello?").exists()


def test_a_channel_that_is_shared_with_another_organisation_is_not_talked_in_any_more(asked):
    _answer(asked, "mirror on")
    asked.user().event({"type": "channel_shared", "channel": asked.there.id, "connected_team_id": "T9"})
    asked.channel.refresh_from_db()

    assert asked.channel.talk is None


def test_without_the_scope_or_the_bot_the_answer_says_what_to_do(asked):
    asked.there.is_private = True
    no_scope = _answer(asked, "mirror on")
    asked.there.is_member = False
    no_bot = _answer(asked, "mirror on")
    asked.slack.trouble("conversations.info", status=500)
    away = _answer(asked, "mirror on")
    rooms.show(asked.workspace, asked.there.id, asked.alice, ["none"])

    assert "groups:history" in no_scope
    assert "slack_manifest" in no_scope
    assert "/slack/" in no_scope
    assert "Invite it" in no_bot
    assert "Try again" in away
    assert "shows no room" in _answer(asked, "mirror on")


def test_a_channel_that_shows_another_room_does_not_carry_talk_into_it(asked):
    _answer(asked, "mirror on")
    other = factories.room("other", members=(asked.alice, asked.bob), apps=(asked.shop,))
    rooms.tie(asked.workspace, asked.there.id, "ops", other, by=asked.alice)
    asked.user("UANN").say("hello?")
    _say(asked, "in the other", room=other)
    asked.send_all()

    assert not Message.objects.filter(text="hello?").exists()
    assert [text for text in _texts(asked) if "(web)" in text] == []
    assert Message.objects.filter(room=asked.room, code="announce.slack_mirror_ended").count() == 1


def test_on_the_page_a_manager_of_the_room_turns_it_off_and_others_see_how_it_is(asked):
    _answer(asked, "mirror on")
    address = f"/slack/channels/{asked.channel.pk}/quiet/"
    alice, bob, carol = (Client(), Client(), Client())
    for client, person in ((alice, asked.alice), (bob, asked.bob), (carol, factories.person("carol"))):
        client.force_login(person)
    Grant.objects.filter(person=asked.alice).update(app=asked.shop)  # she manages the shop, not the room
    answers = [carol.post(address).status_code, alice.post(address).status_code, alice.get(address).status_code]
    seen = [client.get("/slack/").content.decode() for client in (alice, bob)]
    settings = alice.get("/rooms/demo/settings/").content.decode()
    off = bob.post(address)
    asked.channel.refresh_from_db()

    assert answers == [404, 403, 405]
    assert [("is shown in both" in page, address in page) for page in seen] == [(True, False), (True, True)]
    assert "is shown in the Slack channel ops too" in settings
    assert (off.status_code, asked.channel.talk) == (302, None)
    assert "stays where it is said" in alice.get("/slack/").content.decode()
