"""The one road in: stored once, answered once, shown to whom it concerns."""

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

import bot
from bot.invocation import Announce, Reply
from chatops.room import chat, messages, timeline
from chatops.room.models import Event, Line, Message
from deploy_core.errors import Refused
from deploy_core.models import AuditEntry, Deployment, StreamHead
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def room(alice):
    return factories.room("demo", members=(alice,), apps=(factories.app("shop"),))


@pytest.fixture
def answer(monkeypatch):
    """The bot says what the test wants."""

    def say(reply):
        monkeypatch.setattr(bot, "handle", reply if callable(reply) else lambda _: reply)

    return say


def _post(author, room, text, cid="c1", **more):
    return messages.post(author=author, room=room, text=text, client_id=cid, surface="web", **more)


def _events(kind, stream_id):
    return list(Event.objects.filter(stream_kind=kind, stream_id=stream_id).order_by("number"))


def test_chat_is_posted_with_the_rooms_next_number(alice, room):
    first, second = _post(alice, room, "hello"), _post(alice, room, "again", cid="c2")

    assert (first["result"], first["s"], first["q"]) == ("posted", f"room:{room.pk}", 1)
    assert second["q"] == 2
    assert [(e.kind, e.payload["text"], e.client_id) for e in _events("room", room.pk)] == [
        ("message", "hello", "c1"),
        ("message", "again", "c2"),
    ]


def test_a_doubled_slash_says_a_slash(alice, room):
    _post(alice, room, "//shrug")

    assert Message.objects.get().text == "/shrug"


def test_a_line_sent_again_has_the_first_outcome_and_no_second_effect(alice, room):
    first = _post(alice, room, "hello")

    again = _post(alice, room, "hello, in other words")

    assert again == {**first, "dup": True}
    assert Line.objects.count() == Message.objects.count() == Event.objects.count() == 1


def test_two_people_may_use_the_same_client_id(alice, room):
    bob = factories.person("bob")
    room.memberships.create(person=bob)

    assert _post(alice, room, "one")["q"] == 1
    assert _post(bob, room, "two")["q"] == 2


@pytest.mark.parametrize("text", ["hello", "/locks"])
@pytest.mark.parametrize("author", ["outsider", "inactive", "elsewhere"])
def test_who_is_not_a_member_cannot_post_and_leaves_no_trace(alice, room, author, text):
    someone = factories.person("mallory")
    if author == "elsewhere":
        factories.room("other", members=(someone,))
    if author == "inactive":
        room.memberships.create(person=someone)
        someone.is_active = False
        someone.save()

    with pytest.raises(Refused) as refused:
        _post(someone, room, text)

    assert refused.value.code == "not_found"
    assert not Line.objects.exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [("a\x00b", "bad_text"), ("\ud800", "bad_text"), ("   \n", "bad_text"), ("", "bad_text"), ("x" * 8001, "too_long")],
)
def test_text_that_cannot_be_stored_is_refused(alice, room, text, code):
    with pytest.raises(Refused) as refused:
        _post(alice, room, text)

    assert refused.value.code == code
    assert not Line.objects.exists()


def test_the_longest_text_is_counted_in_characters(alice, room):
    assert _post(alice, room, "字" * 8000)["result"] == "posted"


def test_a_public_answer_follows_the_command_that_everybody_sees(alice, room, answer):
    answer(Reply("apps", {"count": 1}, suggest=("/deploy shop",), is_public=True))

    outcome = _post(alice, room, "/apps")

    command, reply = _events("room", room.pk)
    assert outcome["result"] == "done"
    assert (command.kind, command.payload["text"], outcome["q"]) == ("command", "/apps", command.number)
    assert reply.payload == {
        "id": Message.objects.get(kind="reply").pk,
        "code": "apps",
        "params": {"count": 1},
        "suggest": ["/deploy shop"],
        "to_cid": "c1",
        "deployment": None,
    }


def test_a_private_answer_goes_to_its_author_with_the_line_it_answers(alice, room, answer):
    answer(Reply("whoami", {"who": "alice"}))

    outcome = _post(alice, room, "/whoami")

    assert (outcome["result"], outcome["s"], outcome["message"]) == ("done", None, None)
    assert _events("room", room.pk) == []
    (event,) = _events("person", alice.pk)
    assert event.payload["text"] == "/whoami"
    assert (event.payload["for_cid"], event.payload["room"], event.payload["is_error"]) == ("c1", room.pk, False)


def test_a_refused_command_is_kept_and_shown_to_its_author_alone(alice, room):
    outcome = _post(alice, room, "/stauts")

    assert outcome["result"] == "error"
    assert outcome["reply"]["code"] == "unknown_command"
    assert outcome["reply"]["suggest"] == ["/status"]
    assert Line.objects.get().outcome == outcome
    assert not Message.objects.exists()
    assert _events("person", alice.pk)[0].payload["is_error"] is True


def test_a_bot_that_breaks_says_so_and_writes_nothing_else(alice, room, answer, caplog):
    def breaks(_):
        raise ZeroDivisionError

    answer(breaks)

    outcome = _post(alice, room, "/status")

    assert (outcome["result"], outcome["reply"]["code"]) == ("error", "internal")
    assert "the bot failed" in caplog.text
    assert _post(alice, room, "/status")["dup"] is True


def test_a_command_and_its_row_in_the_audit_are_few_statements(alice, room, django_assert_max_num_queries):
    factories.environment(room.apps.get(), "staging")
    _post(alice, room, "/lock shop in staging", cid="c0")

    with django_assert_max_num_queries(26):
        _post(alice, room, "/unlock shop in staging", cid="c1")
    with django_assert_max_num_queries(26):
        _post(alice, room, "/lock shop in staging", cid="c2")

    assert [entry.action for entry in AuditEntry.objects.all()] == ["lock.take", "lock.release", "lock.take"]


def test_a_deployment_is_accepted_and_its_card_shown(alice, room, answer):
    app = room.default_app
    deployment = Deployment.objects.create(
        app=app, environment=factories.environment(app), ref="main", requested_by=alice
    )
    answer(Reply("requested", {}, is_public=True, deployment_id=deployment.pk, effects=(Announce(deployment.pk),)))

    outcome = _post(alice, room, "/deploy shop to staging")

    assert (outcome["result"], outcome["deployment"]) == ("accepted", deployment.pk)
    kinds = [event.kind for event in _events("room", room.pk)]
    assert kinds == ["command", "reply", "card"]
    card = _events("room", room.pk)[2]
    assert (card.payload["deployment"], card.payload["app"], card.payload["by"]) == (deployment.pk, "shop", "alice")


def test_a_command_that_waited_too_long_is_not_run_and_chat_is(alice, room):
    with pytest.raises(Refused) as refused:
        _post(alice, room, "/deploy shop to staging", is_late=True)

    assert refused.value.code == "expired"
    assert _post(alice, room, "still here", is_late=True)["result"] == "posted"


def test_a_command_that_ran_in_time_is_answered_however_late_it_comes_again(alice, room, answer):
    answer(Reply("whoami", {"who": "alice"}))
    first = _post(alice, room, "/whoami")

    again = _post(alice, room, "/whoami", is_late=True)

    assert again == first | {"dup": True}


def test_a_slash_on_the_second_line_is_chat(alice, room):
    outcome = _post(alice, room, "hi\n/deploy shop main to production")

    assert outcome["result"] == "posted"
    assert not Deployment.objects.exists()


def test_a_line_that_met_a_deadlock_is_stored_at_the_second_try(alice, room, monkeypatch):
    tries = []
    take = messages.Timeline.write

    def write(timeline):
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("deadlock detected")
        take(timeline)

    monkeypatch.setattr(messages.Timeline, "write", write)

    assert _post(alice, room, "hello")["q"] == 1
    assert Line.objects.count() == 1


def test_nothing_is_numbered_when_the_line_cannot_be_stored(alice, room, monkeypatch):
    def fails(*args, **kwargs):
        raise IntegrityError

    monkeypatch.setattr(timeline, "insert", fails)

    with pytest.raises(IntegrityError):
        _post(alice, room, "hello")

    assert not Line.objects.exists()
    assert not StreamHead.objects.filter(kind="room").exists()


# --- many at a time ---------------------------------------------------------------------------------------------------


def _line(author, room, text="hello", cid="c1"):
    return Line(author=author, room=room, text=text, client_id=cid, surface="web", at=timezone.now())


def test_a_group_of_lines_is_numbered_in_the_order_it_came(alice, room):
    lounge = factories.room("lounge", members=(alice,))
    _post(alice, room, "before", cid="c0")

    answers = chat.say(
        [_line(alice, room, "one", "c1"), _line(alice, lounge, "two", "c2"), _line(alice, room, "three", "c3")]
    )

    assert [(answer["s"], answer["q"]) for answer in answers] == [
        (f"room:{room.pk}", 2), (f"room:{lounge.pk}", 1), (f"room:{room.pk}", 3),
    ]  # fmt: skip
    assert [event.payload["text"] for event in _events("room", room.pk)] == ["before", "one", "three"]
    assert [line.outcome for line in Line.objects.order_by("client_id")][1:] == answers
    assert [answer["message"] for answer in answers] == [
        Message.objects.get(client_id=cid).pk for cid in ("c1", "c2", "c3")
    ]


def test_each_line_of_a_group_has_its_own_answer(alice, room):
    mallory = factories.person("mallory")
    first = _post(alice, room, "said before", cid="old")

    known, fresh, again, outsider = chat.say(
        [
            _line(alice, room, cid="old"),
            _line(alice, room, cid="new"),
            _line(alice, room, cid="new"),
            _line(mallory, room),
        ]
    )

    assert known == {**first, "dup": True}
    assert (fresh["q"], again) == (2, {**fresh, "dup": True})
    assert outsider.code == "not_found"
    assert Line.objects.count() == Message.objects.count() == Event.objects.count() == 2


def test_a_line_that_cannot_be_stored_takes_no_other_with_it(alice, room, monkeypatch, caplog):
    said = bot.said

    def fails(text):
        if text == "poison":
            raise IntegrityError
        return said(text)

    monkeypatch.setattr(bot, "said", fails)

    good, bad, fine = chat.say(
        [_line(alice, room, "good", "c1"), _line(alice, room, "poison", "c2"), _line(alice, room, "fine", "c3")]
    )

    assert (good["q"], fine["q"]) == (1, 2)
    assert isinstance(bad, IntegrityError)
    assert "could not store a line of alice" in caplog.text
    assert [line.client_id for line in Line.objects.order_by("client_id")] == ["c1", "c3"]


@pytest.mark.parametrize("text", ["my token is {}", "/deploy shop to staging | TOKEN={}"])
def test_a_secret_is_shown_to_nobody_stored_nowhere_and_its_author_told(room, alice, text):
    secret = "ghp_" + "a1B2" * 9

    outcome = _post(alice, room, text.format(secret))

    assert (outcome["result"], outcome["reply"]["code"], outcome["reply"]["params"]) == (
        "error",
        "secret_in_chat",
        {"kinds": ["GitHub"]},
    )
    assert not Message.objects.exists()
    assert secret not in str([*Line.objects.values(), *Event.objects.values(), *AuditEntry.objects.values()])
    assert AuditEntry.objects.get(action="chat.secret").outcome == "removed"
