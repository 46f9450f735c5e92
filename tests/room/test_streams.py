"""The streams as rows: pages of them, pictures, and who may see what."""

import json

import pytest
from django.db import transaction
from django.utils import timezone

from chatops.room import access, messages, streams
from chatops.room.models import Stream
from chatops.room.timeline import Timeline
from deploy_core import deployments
from deploy_core.ledger import journal, log
from deploy_core.models import Deployment, Step, StreamHead
from deploy_core.rules.status import Status, StepStatus
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def room(alice):
    return factories.room("demo", members=(alice,), apps=(factories.app("shop"),))


@pytest.fixture
def deployment(alice, room):
    staging = factories.environment(room.default_app, "staging", servers=(factories.server("web-1"),))
    return deployments.request(room.default_app, "main", staging, by=alice, surface="web")


def _say(author, room, count):
    for n in range(1, count + 1):
        messages.post(author=author, room=room, text=f"line {n}", client_id=f"c{n}", surface="web")


def _texts(page):
    return [event["d"]["text"] for event in page["events"]]


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("room:7", Stream("room", 7)),
        ("log:91", Stream("log", 91)),
        ("room:0", None),
        ("room:-1", None),
        ("room:07", None),
        ("room:٧", None),
        ("room:7 ", None),
        ("room:9999999999999999999", None),
        ("audit:1", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_only_a_streams_own_name_names_it(name, stream):
    assert Stream.parse(name) == stream


def test_a_page_goes_on_from_a_number_and_says_whether_there_is_more(alice, room):
    _say(alice, room, 5)
    stream = Stream("room", room.pk)

    page = streams.page(stream, after=1, limit=2)

    assert (_texts(page), page["head"], page["more"]) == (["line 2", "line 3"], 5, True)
    assert streams.page(stream, after=3, limit=200)["more"] is False
    assert streams.page(stream, after=5, limit=200)["events"] == []


def test_a_page_back_in_time_ends_before_its_number(alice, room):
    _say(alice, room, 5)
    stream = Stream("room", room.pk)

    page = streams.page(stream, before=4, limit=2)

    assert (_texts(page), page["more"]) == (["line 2", "line 3"], True)
    assert streams.page(stream, before=3, limit=50)["more"] is False
    assert streams.page(stream, before=1, limit=50)["events"] == []


def test_a_page_has_a_greatest_length(alice, room, monkeypatch):
    monkeypatch.setattr(streams, "PAGE", 3)
    _say(alice, room, 5)

    assert len(streams.page(Stream("room", room.pk), after=0, limit=100_000_000)["events"]) == 3


def test_a_page_has_a_greatest_size_and_always_one_event(alice, room, monkeypatch):
    monkeypatch.setattr(streams, "PAGE_BYTES", 50_000)
    stream = Stream("room", room.pk)
    for n in range(1, 6):
        messages.post(author=alice, room=room, text="字" * 8000, client_id=f"c{n}", surface="web")

    ahead, back = streams.page(stream, after=0, limit=200), streams.page(stream, before=6, limit=200)

    assert ([event["q"] for event in ahead["events"]], ahead["more"]) == ([1, 2], True)
    assert ([event["q"] for event in back["events"]], back["more"]) == ([4, 5], True)
    assert [event["q"] for event in streams.snapshot(stream, alice)["last"]] == [4, 5]
    monkeypatch.setattr(streams, "PAGE_BYTES", 10)
    assert [event["q"] for event in streams.page(stream, after=2, limit=200)["events"]] == [3]


def test_what_is_below_the_floor_is_not_offered(alice, room):
    _say(alice, room, 5)
    StreamHead.objects.filter(kind="room", stream_id=room.pk).update(floor=3)
    stream = Stream("room", room.pk)

    assert _texts(streams.page(stream, after=0, limit=200)) == ["line 3", "line 4", "line 5"]
    assert streams.page(stream, before=5, limit=200)["more"] is False


def test_a_rooms_picture_has_its_members_and_the_deployments_that_run(alice, room, deployment):
    picture = streams.snapshot(Stream("room", room.pk), alice)

    assert picture["state"]["members"] == [{"id": alice.pk, "name": "alice"}]
    (shown,) = picture["state"]["deployments"]
    assert (shown["id"], shown["status"], shown["q"]) == (deployment.pk, "planning", 1)
    assert [node["key"] for node in shown["graph"]] == [
        "start", "fetch", "build", "package", "server:web-1", "health:web-1",
    ]  # fmt: skip


def test_an_ended_deployment_is_in_the_picture_while_its_card_is(alice, room, deployment):
    journal.move(deployment.pk, Status.FAILED, "build_failed")
    assert streams.snapshot(Stream("room", room.pk), alice)["state"]["deployments"] == []

    with transaction.atomic():
        timeline = Timeline()
        timeline.card(room, Deployment.objects.get(pk=deployment.pk))
        timeline.write()

    (shown,) = streams.snapshot(Stream("room", room.pk), alice)["state"]["deployments"]
    assert (shown["status"], shown["reason"]) == ("failed", "build_failed")


def test_a_deployments_picture_is_its_journal_up_to_its_number(alice, deployment):
    journal.move(deployment.pk, Status.QUEUED)

    picture = streams.snapshot(Stream("deployment", deployment.pk), alice)

    assert picture["q"] == picture["state"]["q"] == 2
    assert picture["state"]["status"] == "queued"
    assert [event["k"] for event in picture["last"]] == ["deployment.requested", "deployment.moved"]


def _log_of(deployment, *lines):
    step = Step.objects.get(deployment=deployment, key="build")
    with log.LogWriter(step.pk, deployment.epoch) as writer:
        for channel, text in lines:
            writer.write(channel, text)
    return step


def test_a_log_is_a_stream_of_lines(alice, deployment):
    step = _log_of(deployment, ("m", "$ make"), ("o", "ok"), ("e", "hm"))
    stream = Stream("log", step.pk)

    page = streams.page(stream, after=1, limit=1000)
    burst = streams.burst(stream, 0, 1000, "e1")

    assert [(event["q"], event["c"], event["text"]) for event in page["events"]] == [(2, "o", "ok"), (3, "e", "hm")]
    assert (page["head"], page["more"]) == (3, False)
    (frame,) = map(json.loads, burst.payloads)
    assert (frame["first"], [line[1:] for line in frame["lines"]], frame["eof"]) == (
        1,
        [["m", "$ make"], ["o", "ok"], ["e", "hm"]],
        False,
    )
    assert burst.number == 3


def test_a_burst_has_a_greatest_size_too(alice, room, deployment, monkeypatch):
    monkeypatch.setattr(streams, "PAGE_BYTES", 1000)
    for n in range(3):
        messages.post(author=alice, room=room, text="x" * 400, client_id=f"c{n}", surface="web")
    step = _log_of(deployment, ("o", "x" * 400), ("o", "y" * 400), ("o", "z" * 400))

    events = streams.burst(Stream("room", room.pk), 0, 200, "e1")
    lines = streams.burst(Stream("log", step.pk), 0, 200, "e1")

    assert (events.number, len(events.payloads)) == (1, 1)
    assert lines.number == 2
    assert streams.burst(Stream("log", step.pk), 2, 200, "e1").number == 3


def test_a_log_has_ended_with_its_step(alice, deployment):
    step = _log_of(deployment, ("o", "ok"))
    journal.move_step(step.pk, StepStatus.RUNNING, epoch=deployment.epoch)
    journal.move_step(step.pk, StepStatus.SUCCEEDED, epoch=deployment.epoch)

    assert streams.snapshot(Stream("log", step.pk), alice)["state"] == {
        "deployment": deployment.pk,
        "key": "build",
        "eof": True,
    }


def test_private_answers_are_shown_again_until_they_are_dismissed_or_old(alice, room, settings):
    for n in (1, 2):
        messages.post(author=alice, room=room, text="/stauts", client_id=f"c{n}", surface="web")
    first, second = streams.private_replies(alice, room.pk)

    with transaction.atomic():
        timeline = Timeline()
        timeline.dismiss(alice, first["q"])
        timeline.write()

    assert [event["q"] for event in streams.private_replies(alice, room.pk)] == [second["q"]]
    settings.PRIVATE_REPLY_S = 0
    assert streams.private_replies(alice, room.pk) == []


def test_a_room_is_seen_by_its_members_alone(alice, room):
    assert access.may_see(alice, Stream("room", room.pk))
    assert not access.may_see(factories.person(role="manager"), Stream("room", room.pk))


def test_a_persons_stream_is_theirs_alone(alice):
    assert access.may_see(alice, Stream("person", alice.pk))
    assert not access.may_see(factories.person(), Stream("person", alice.pk))


@pytest.mark.parametrize("kind", ["deployment", "log"])
def test_a_deployment_is_seen_by_viewers_and_by_rooms_that_follow_its_app(room, deployment, kind):
    step = Step.objects.get(deployment=deployment, key="build")
    stream = Stream(kind, deployment.pk if kind == "deployment" else step.pk)
    member, viewer = factories.person(), factories.person(role="viewer", app=room.default_app)
    elsewhere = factories.person(role="viewer", app=room.default_app, environment="production")
    room.memberships.create(person=member)

    seen = [access.may_see(person, stream) for person in (member, viewer, elsewhere, factories.person())]

    assert seen == [True, True, False, False]
    assert not access.may_see(viewer, Stream(kind, 999_999))


def test_the_list_of_deployments_shows_what_one_may_see(alice, room, deployment):
    outsider = factories.person()

    assert access.visible(alice, [deployment.pk, 999_999]) == [deployment.pk]
    assert access.visible(outsider, [deployment.pk]) == []


def test_times_are_told_in_utc_with_milliseconds(alice, room):
    _say(alice, room, 1)

    at = streams.page(Stream("room", room.pk), after=0, limit=1)["events"][0]["at"]

    assert at.endswith("Z")
    assert abs((timezone.now() - timezone.datetime.fromisoformat(at)).total_seconds()) < 60
