"""Announcements, who is on call, watching and muting: typed in a room, told to whom it concerns."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room import alerts, completion, messages, progress
from chatops.room.models import Event, Membership, Mention, Message, Muting, Watching
from deploy_core import deployments
from deploy_core.ledger import journal
from deploy_core.models import AuditEntry, Duty
from deploy_core.rules.status import Status
from tests import factories
from tests.room.conftest import Cast

_numbers = iter(range(1, 1000))


def _run(person, room, line):
    return messages.post(author=person, room=room, text=line, client_id=f"c{next(_numbers)}", surface="web")


def _shown(room):
    events = Event.objects.filter(stream_kind="room", stream_id=room.pk).order_by("number")
    return [(event.kind, event.payload.get("code", "")) for event in events]


def test_an_announcement_stands_in_its_room_and_in_the_rooms_for_announcements(cast: Cast) -> None:
    news = factories.room("news", members=(cast.bob,), is_announcements=True)
    hidden = factories.room("hidden", members=(cast.dave,), is_announcements=True, is_closed=True)

    done = _run(cast.alice, cast.room, "/announce The shop is closed for an hour!")

    assert (done["result"], done["reply"]["code"]) == ("done", "announced")
    for room in (cast.room, news):
        assert _shown(room) == [("announcement", "announce.said")]
        room.refresh_from_db()
        assert room.pinned is not None
        assert room.pinned.text == "The shop is closed for an hour!"
    assert _shown(hidden) == []
    assert Message.objects.get(room=news).number == 1


def test_one_goes_on_call_in_the_place_of_whoever_was(cast: Cast) -> None:
    _run(cast.bob, cast.room, "/oncall me for 12h")
    done = _run(cast.carol, cast.room, "/oncall me shop")

    assert done["reply"]["code"] == "oncall.set"
    assert (done["reply"]["params"]["person"], done["reply"]["params"]["instead"]) == ("carol", ["bob"])
    assert [duty.person for duty in Duty.objects.at(timezone.now())] == [cast.carol]
    assert [alerts.of(person)["on_call"] for person in (cast.bob, cast.carol)] == [False, True]
    told = Event.objects.filter(stream_kind="person", stream_id=cast.bob.pk, kind="alerts").order_by("number")
    assert [event.payload["on_call"] for event in told] == [True, False]
    assert AuditEntry.objects.filter(action="oncall.set").count() == 2


def test_on_call_is_a_word_that_calls(cast: Cast) -> None:
    _run(cast.bob, cast.room, "/oncall me")
    _run(cast.alice, cast.room, "@oncall the shop is slow")

    assert list(Mention.objects.values_list("person", flat=True)) == [cast.bob.pk]


def test_putting_somebody_else_on_call_is_for_approvers(cast: Cast) -> None:
    refused = _run(cast.alice, cast.room, "/oncall @bob")
    factories.grant(cast.alice, "approver", app=cast.shop)
    done = _run(cast.alice, cast.room, "/oncall @Bob for 8h")
    ended = _run(cast.bob, cast.room, "/oncall end")
    nobody = _run(cast.bob, cast.room, "/oncall end")

    assert refused["reply"]["code"] == "no_permission.approve"
    assert (done["reply"]["code"], done["reply"]["params"]["person"]) == ("oncall.set", "bob")
    assert (ended["reply"]["code"], nobody["reply"]["code"]) == ("oncall.ended", "oncall_nobody")
    assert not Duty.objects.at(timezone.now()).exists()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/oncall @nobody", "unknown_person"),
        ("/oncall for 2h", "syntax"),
        ("/oncall end for 2h", "syntax"),
        ("/oncall me shop burgers", "syntax"),
        ("/announce", "text_required"),
        ("/mute shop for ever", "time_wrong"),
    ],
)
def test_a_wrong_line_is_refused_and_not_posted(cast: Cast, line: str, code: str) -> None:
    done = _run(cast.bob, cast.room, line)

    assert (done["result"], done["reply"]["code"]) == ("error", code)
    assert _shown(cast.room) == []


def test_the_answer_to_who_is_on_call_is_for_the_room(cast: Cast) -> None:
    assert _run(cast.alice, cast.room, "/oncall")["reply"]["code"] == "oncall.nobody"

    _run(cast.bob, cast.room, "/oncall me for 2h")
    done = _run(cast.alice, cast.room, "/oncall shop")

    assert (done["reply"]["code"], done["reply"]["is_public"]) == ("oncall", True)
    assert done["reply"]["params"]["table"]["rows"][0][:2] == ["shop", "bob"]


def test_watching_muting_and_what_pages_learn_of_it(cast: Cast) -> None:
    _run(cast.alice, cast.room, "/watch shop in staging")
    _run(cast.alice, cast.room, "/mute shop 2h")

    wants = alerts.of(cast.alice)
    assert wants["watching"] == [{"app": "shop", "environment": "staging"}]
    assert list(wants["muted"]) == ["shop"]
    left = Muting.objects.get().until - timezone.now()
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)

    _run(cast.alice, cast.room, "/unwatch shop")
    assert alerts.of(cast.alice)["watching"] == []
    assert _shown(cast.room) == []  # one's own business


def test_the_level_of_a_room_is_kept_with_the_membership(cast: Cast) -> None:
    alerts.set_level(cast.bob, cast.room.pk, "all")

    assert Membership.objects.get(person=cast.bob, room=cast.room).level == "all"


def test_names_are_completed_in_chat_and_in_commands(cast: Cast) -> None:
    Duty.objects.create(person=cast.carol, app=None, starts=timezone.now())

    def offered(text: str) -> list[str]:
        return [item["insert"] for item in completion.complete(cast.alice, cast.room, text, len(text))["items"]]

    assert offered("hi @") == ["@alice", "@bob", "@carol", "@here", "@oncall"]
    assert offered("hi @B") == ["@bob"]
    assert offered("/oncall @car") == ["@carol"]
    assert offered("mail x@b") == []
    found = completion.complete(cast.alice, cast.room, "see @on later", 7)
    assert (found["from"], found["to"], found["items"][0]["hint"]) == (4, 7, "on call: carol")


def test_who_is_on_call_for_what_a_room_does_not_follow_is_not_named_in_it(cast: Cast) -> None:
    for person, app in ((cast.dave, factories.app("payroll")), (cast.bob, cast.shop)):
        Duty.objects.create(person=person, app=app, starts=timezone.now())

    found = completion.complete(cast.alice, cast.room, "@on", 3)

    assert [item["hint"] for item in found["items"]] == ["on call: bob"]


def test_who_watches_from_outside_is_told_privately_once(cast: Cast) -> None:
    factories.grant(cast.dave, "viewer", app=cast.shop)
    eve = factories.person("eve")  # may see nothing of it
    for person in (cast.bob, cast.dave, eve):  # bob hears it in his room
        Watching.objects.create(person=person, app=cast.shop)
    made = deployments.request(cast.shop, "main", cast.staging, by=cast.alice, surface="web")
    journal.move(made.pk, Status.QUEUED)
    journal.move(made.pk, Status.FAILED, reason="internal")

    progress.announce(made.pk)
    progress.announce(made.pk)

    told = Event.objects.filter(stream_kind="person", kind="reply", payload__code="announce.failed")
    assert [event.stream_id for event in told] == [cast.dave.pk]
