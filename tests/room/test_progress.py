"""What rooms are told of deployments: the right words, in the right rooms, once."""

import pytest

from chatops.room import asides, progress
from chatops.room.models import Event, Following, Message
from deploy_core import deployments
from deploy_core.ledger import journal, notices
from deploy_core.models import Deployment, Notice
from deploy_core.rules.status import Status
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def shop(alice):
    return factories.app("shop")


@pytest.fixture
def staging(shop):
    return factories.environment(shop, "staging", servers=(factories.server("web-1"),))


@pytest.fixture
def room(alice, shop):
    return factories.room("demo", members=(alice,), apps=(shop,))


def _request(alice, shop, staging) -> Deployment:
    return deployments.request(shop, "main", staging, by=alice, surface="web")


def _run(deployment: Deployment) -> None:
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)


def _told(room) -> list[str]:
    return [message.code or message.kind for message in Message.objects.filter(room=room).order_by("pk")]


def test_a_room_sees_the_card_the_start_and_the_end(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    progress.announce(deployment.pk)
    _run(deployment)
    progress.announce(deployment.pk)
    journal.move(deployment.pk, Status.SUCCEEDED)
    progress.announce(deployment.pk)

    assert _told(room) == ["card", "announce.started", "announce.finished"]
    started = Message.objects.get(code="announce.started")
    assert started.params == {
        "app": "shop", "environment": "staging", "number": deployment.pk, "ref": "main", "by": "alice",
    }  # fmt: skip
    assert Following.objects.get().is_done


def test_the_end_of_a_cancelled_deployment_is_the_end_of_looking(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)

    deployments.cancel(deployment, by=alice)
    progress.announce(deployment.pk)

    assert deployment.journal.order_by("number").last().kind == "step.moved"
    assert Following.objects.get().is_done


def test_a_failure_says_why(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    _run(deployment)
    journal.move(deployment.pk, Status.FAILED, "unreachable", params={"server": "web-1"})

    progress.announce(deployment.pk)

    failed = Message.objects.get(code="announce.failed")
    assert failed.params["why"] == {"code": "unreachable", "params": {"server": "web-1"}}


def test_a_way_back_and_a_stop_have_their_own_words(alice, shop, staging, room):
    for statuses in ((Status.ROLLING_BACK, Status.ROLLED_BACK), (Status.CANCELLING, Status.CANCELLED)):
        deployment = _request(alice, shop, staging)
        _run(deployment)
        for status in statuses:
            journal.move(deployment.pk, status, "health_failed", params={"server": "web-1", "by": "alice"})
        progress.announce(deployment.pk)

    assert [code for code in _told(room) if code in ("announce.rolled_back", "announce.cancelled")] == [
        "announce.rolled_back",
        "announce.cancelled",
    ]


def test_who_waits_is_told_behind_what(alice, shop, staging, room):
    first, second = _request(alice, shop, staging), _request(alice, shop, staging)
    _run(first)
    journal.move(second.pk, Status.QUEUED)

    progress.announce(second.pk)

    assert Message.objects.get(code="announce.waiting").params["behind"] == first.pk


def test_telling_twice_is_telling_once(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    _run(deployment)
    progress.announce(deployment.pk)
    Following.objects.update(number=0)

    progress.announce(deployment.pk)

    assert _told(room) == ["card", "announce.started"]
    assert Event.objects.filter(stream_kind="room").count() == 2


def test_every_room_that_follows_the_app_is_told_and_no_other(alice, shop, staging, room):
    on_call = factories.room("on-call", apps=(shop, factories.app("api")))
    other = factories.room("other", apps=(factories.app("web"),))
    deployment = _request(alice, shop, staging)

    progress.announce(deployment.pk)

    assert _told(room) == _told(on_call) == ["card"]
    assert _told(other) == []


def test_a_room_may_hear_of_some_environments_only(alice, shop, staging, room):
    elsewhere = factories.room("production-only", members=(alice,), apps=(shop,), environments=["production"])
    both = factories.room("both", members=(alice,), apps=(shop,), environments=["production", "staging"])
    deployment = _request(alice, shop, staging)
    progress.announce(deployment.pk)

    assert (_told(elsewhere), _told(both)) == ([], _told(room))


def test_a_room_that_shows_the_card_is_told_the_end_while_it_follows_the_app(alice, shop, staging):
    asked = factories.room("asked", members=(alice,), apps=(shop,), environments=["production"])
    left = factories.room("left", members=(alice,))
    deployment = _request(alice, shop, staging)
    for room in (asked, left):
        Message.objects.create(
            room=room,
            kind="card",
            client_id=f"deployment:{deployment.pk}/1",
            deployment=deployment,
            at=deployment.created,
        )
    _run(deployment)

    progress.announce(deployment.pk)

    assert (_told(asked), _told(left)) == (["card", "announce.started"], ["card"])


def test_a_notice_that_cannot_be_told_keeps_no_other_from_it(room, shop, monkeypatch):
    for number in (1, 2):
        Notice.objects.create(code="announce.lock_ended", params={"number": number}, app=shop)
    write = asides.Timeline.notice

    def fail_once(self, *what, **more):
        if what[3]["number"] == 1:
            raise ValueError
        write(self, *what, **more)

    monkeypatch.setattr(asides.Timeline, "notice", fail_once)
    progress.catch_up()

    assert [message.params["number"] for message in Message.objects.filter(room=room)] == [2]


def test_what_no_signal_told_is_found(alice, shop, staging, room):
    never_told, half_told = _request(alice, shop, staging), _request(alice, shop, staging)
    progress.announce(half_told.pk)
    journal.move(half_told.pk, Status.FAILED, "ref_not_found")

    progress.catch_up()

    assert _told(room) == ["card", "card", "announce.failed"]
    assert set(Following.objects.values_list("deployment", "is_done")) == {(never_told.pk, False), (half_told.pk, True)}


def test_a_quiet_ticker_writes_nothing_and_looks_at_what_is_not_done(
    alice, shop, staging, room, django_assert_num_queries
):
    for _ in range(3):
        over = _request(alice, shop, staging)
        journal.move(over.pk, Status.FAILED, "ref_not_found")
        progress.announce(over.pk)
    progress.announce(_request(alice, shop, staging).pk)

    with django_assert_num_queries(4):
        progress.catch_up()


def test_the_journals_signal_reaches_the_rooms(alice, shop, staging, room, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        _request(alice, shop, staging)

    assert _told(room) == ["card"]


def test_the_author_alone_is_asked_to_confirm(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    Deployment.objects.update(revision="a" * 40)
    journal.move(deployment.pk, Status.AWAITING_CONFIRMATION, "confirmation_wanted", params={"by": "alice"})
    progress.announce(deployment.pk)
    progress.announce(deployment.pk)

    asked = Event.objects.get(stream_kind="person")
    assert (asked.stream_id, asked.payload["code"], asked.payload["room"]) == (alice.pk, "announce.confirm", room.pk)
    assert asked.payload["suggest"] == [f"/confirm #{deployment.pk}", f"/no #{deployment.pk}"]
    assert _told(room) == ["card"]


def test_the_room_hears_what_waits_for_people_or_a_time(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    asked = {"needed": 1, "people": ["bob"], "until": ""}
    journal.move(deployment.pk, Status.AWAITING_APPROVAL, "approval_wanted", params=asked)
    when = {"when": {"at": "2027-01-01T10:00:00+00:00"}}
    journal.move(deployment.pk, Status.SCHEDULED, "scheduled_for", params=when)
    journal.move(deployment.pk, Status.EXPIRED, "frozen", params={"app": "shop", "environment": "staging"})
    progress.announce(deployment.pk)

    assert _told(room) == ["card", "announce.awaiting_approval", "announce.scheduled", "announce.expired"]


def test_a_notice_reaches_its_rooms_or_its_person_once(alice, shop, room):
    factories.room("elsewhere", members=(alice,))
    notices.tell("announce.lock_expired", {"by": "bob"}, app=shop)
    notices.tell("lock_stolen", {"by": "bob"}, app=shop, person=alice)

    progress.catch_up()
    progress.catch_up()

    assert [(message.room, message.code) for message in Message.objects.all()] == [(room, "announce.lock_expired")]
    assert [event.payload["code"] for event in Event.objects.filter(stream_kind="person")] == ["lock_stolen"]


def test_a_notice_rings_after_its_commit(alice, shop, room, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        notices.tell("announce.lock_expired", {"by": "bob"}, app=shop)

    assert _told(room) == ["announce.lock_expired"]


def test_a_room_hears_that_a_deployment_stands_still_goes_on_and_goes_back(alice, shop, staging, room):
    deployment = _request(alice, shop, staging)
    _run(deployment)
    waits = {"batch": 1, "batches": 2, "next": ["web-2"], "number": deployment.pk}
    journal.move(deployment.pk, Status.PAUSED, "waits_for_resume", params=waits)
    journal.move(deployment.pk, Status.RUNNING, "resumed_by", params={"by": "alice"})
    journal.move(deployment.pk, Status.VERIFYING, params={"seconds": 60})
    journal.move(deployment.pk, Status.ROLLING_BACK, "health_failed", params={"server": "web-1"})
    journal.move(deployment.pk, Status.FAILED, "health_failed", params={"server": "web-1", "runs": {"": ["web-1"]}})

    progress.announce(deployment.pk)

    said = {each.code: each for each in Message.objects.filter(room=room).order_by("pk") if each.code}
    assert list(said)[-5:] == [
        "announce.paused", "announce.resumed", "announce.watching", "announce.rolling_back", "announce.failed",
    ]  # fmt: skip
    assert said["announce.paused"].params["why"] == {"code": "waits_for_resume", "params": waits}
    assert said["announce.resumed"].params["by"] == "alice"
    unknown = {"code": "runs.unknown", "params": {"release": "", "servers": ["web-1"]}}
    assert said["announce.failed"].params["runs"] == [unknown]
