"""Who is behind a Slack user, and in which room they speak: asked each time, believed from nobody."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room.models import Line, Room
from chatops.slack import rooms
from chatops.slack.models import Channel, Delivery, Identity, Post, Ticket
from deploy_core.models import AuditEntry, Deployment
from tests import factories
from tests.waiting import wait_until

DEPLOY = "shop/main to staging"


def _address(told):
    return re.search(r"(/slack/link/[\w-]+/)", told["text"])[1]


def test_who_is_linked_to_nobody_gets_the_link_and_runs_nothing(ship, client):
    carol = factories.person("carol", role="deployer")
    ship.room.members.add(carol)
    slack_user = ship.user("UCAROL")
    ship.slack.users["UCAROL"] = {"real_name": "Carol <Jones>"}

    first = slack_user.command(DEPLOY)
    client.force_login(carol)
    asked = client.get(_address(first.told))
    unsure = client.post(_address(first.told))
    client.post("/accounts/again/", {"password": "correct horse"})
    linked = client.post(_address(first.told))
    again = client.post(_address(first.told))
    second = slack_user.command(DEPLOY)
    ship.send_all()

    assert first.told["response_type"] == "ephemeral"
    assert (asked.status_code, b"Carol &lt;Jones&gt; (UCAROL)" in asked.content) == (200, True)
    assert unsure["Location"].startswith("/accounts/again/")
    assert (linked["Location"], again.status_code) == ("/slack/", 410)
    assert Deployment.objects.get().requested_by == carol
    assert "#" in second.told["text"]
    assert AuditEntry.objects.filter(action="slack.link", actor=carol).count() == 1
    assert ["carol" in message.text for message in ship.slack.in_channel("UCAROL")] == [True]


def test_the_address_of_a_link_is_kept_nowhere(ship):
    told = [ship.user("UCAROL").command(line).told["text"] for line in ("link", DEPLOY, "room demo", "")]

    assert all("/slack/link/" in text for text in told)
    assert not Delivery.objects.exists()
    assert not Post.objects.exists()


def test_a_link_of_before_and_one_that_is_too_old_are_of_no_use(ship, client):
    old = _address(ship.user("UCAROL").command(DEPLOY).told)
    new = _address(ship.user("UCAROL").command("status").told)
    client.force_login(ship.bob)

    assert client.get(old).status_code == 410
    assert client.get(new).status_code == 200
    client.post("/accounts/again/", {"password": "correct horse"})
    Ticket.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert client.post(new).status_code == 410
    assert not Identity.objects.filter(user="UCAROL").exists()


def test_a_link_wants_somebody_signed_in(ship, client):
    address = _address(ship.user("UCAROL").command(DEPLOY).told)

    assert client.post(address)["Location"].startswith("/accounts/sign-in/")


def test_who_was_deactivated_here_is_refused(ship):
    ship.alice.is_active = False
    ship.alice.save()

    sent = ship.user().command(DEPLOY)

    assert "not active" in sent.told["text"]
    assert not Deployment.objects.exists()


def test_a_guest_from_another_organisation_is_nobody_whatever_their_id(ship):
    sent = ship.user().press("1.0", "say.0", f"{ship.room.pk}:/deploy {DEPLOY}", user={"id": "UALICE", "team_id": "T7"})

    assert sent.status == 200
    assert not Line.objects.exists()


def test_the_same_user_of_another_workspace_that_has_the_app_is_nobody(ship):
    from chatops.slack import workspaces

    other = ship.slack.workspace("T2")
    workspaces.install({"team": {"id": "T2", "name": "Other"}, "scope": ""}, other.token, by=None)

    sent = ship.user(team="T2").command(DEPLOY)

    assert "linked to nobody" in sent.told["text"]
    assert not Line.objects.exists()


def test_link_and_unlink_say_who_one_is(ship, client):
    assert "alice" in ship.user().command("link").told["text"]
    ship.user().command("unlink")

    assert "linked to nobody" in ship.user().command(DEPLOY).told["text"]
    assert not Identity.objects.filter(user="UALICE").exists()


def test_a_person_unlinks_their_own_account_on_the_page_and_nobody_elses(ship, client):
    mine = Identity.objects.get(user="UBOB")
    client.force_login(ship.alice)

    assert client.post(f"/slack/unlink/{mine.pk}/").status_code == 404
    client.force_login(ship.bob)
    assert client.post(f"/slack/unlink/{mine.pk}/").status_code == 302
    assert not Identity.objects.filter(user="UBOB").exists()


def test_somebody_deleted_in_slack_is_nobody_here(ship):
    ship.user().event({"type": "user_change", "user": {"id": "UBOB", "deleted": True}})

    assert not Identity.objects.filter(user="UBOB").exists()
    assert Identity.objects.filter(user="UALICE").exists()


def test_a_right_that_was_taken_away_is_gone_for_the_next_line(ship):
    ship.alice.grants.all().delete()

    sent = ship.user().command(DEPLOY)

    assert sent.told["response_type"] == "ephemeral"
    assert not Deployment.objects.exists()


def test_who_is_not_in_the_room_runs_nothing_there(ship):
    ship.room.members.remove(ship.alice)

    sent = ship.user().command(DEPLOY)

    assert "not in the room demo" in sent.told["text"]
    assert not Line.objects.exists()


@pytest.mark.parametrize(("managers", "runs"), [(False, False), (True, True)], ids=["a reader", "a manager"])
def test_where_managers_alone_write_a_reader_types_nothing_from_slack_either(ship, managers, runs):
    ship.room.is_announcements = True
    ship.room.save()
    ship.room.memberships.filter(person=ship.bob).update(is_manager=managers)
    factories.grant(ship.bob, "deployer", app=ship.shop)

    sent = ship.user("UBOB").command(DEPLOY)

    assert ("Only the managers" in sent.told["text"], Deployment.objects.exists()) == (not runs, runs)


def test_but_a_button_there_says_nothing_of_its_pressers_own(ship):
    ship.user().command(DEPLOY)
    deployment = Deployment.objects.get()
    ship.room.is_announcements = True
    ship.room.save()
    factories.grant(ship.bob, "deployer", app=ship.shop)

    ship.user("UBOB").press("1.0", "deploy.cancel", f"{deployment.pk}:1")

    assert Deployment.objects.get().status == "cancelled"


# --- rooms and channels -----------------------------------------------------------------------------------------------
def test_a_channel_without_a_room_says_how_to_link_one(ship):
    elsewhere = ship.slack.channel("random")

    sent = ship.user(channel=elsewhere.id).command(DEPLOY)

    assert "/deploy room" in sent.told["text"]
    assert "demo" in sent.told["text"]
    assert not Line.objects.exists()


def test_a_manager_links_a_channel_to_a_room_and_ends_it(ship):
    elsewhere = ship.slack.channel("random")
    user = ship.user(channel=elsewhere.id)

    user.command("room demo")
    linked = Channel.objects.get(channel=elsewhere.id)
    shown = user.command("room").told["text"]
    user.command("room none")

    assert (linked.room, linked.name) == (ship.room, "random")
    assert "demo" in shown
    assert not Channel.objects.filter(channel=elsewhere.id).exists()
    assert AuditEntry.objects.filter(action="slack.room").count() == 3


def test_who_manages_nothing_links_no_room(ship):
    elsewhere = ship.slack.channel("random")

    sent = ship.user("UBOB", channel=elsewhere.id).command("room demo")

    assert "Only who manages shop" in sent.told["text"]
    assert not Channel.objects.filter(channel=elsewhere.id).exists()


def test_nobody_takes_a_channel_from_a_room_whose_apps_they_do_not_manage(ship):
    bobs = Room.objects.create(slug="bobs")
    bobs.members.add(ship.bob, through_defaults={"is_manager": True})

    told = [ship.user("UBOB").command(f"room {name}").told["text"] for name in ("bobs", "none")]

    assert ["Only who manages shop" in text for text in told] == [True, True]
    assert Channel.objects.get().room == ship.room


def test_a_room_without_apps_is_shown_by_its_managers_alone(ship):
    elsewhere = ship.slack.channel("random")
    plain = Room.objects.create(slug="plain")
    plain.members.add(ship.alice, through_defaults={"is_manager": True})
    plain.members.add(ship.bob)
    alice, bob = ship.user(channel=elsewhere.id), ship.user("UBOB", channel=elsewhere.id)

    bob.command("room plain")
    was_linked = Channel.objects.filter(channel=elsewhere.id).exists()
    alice.command("room plain")
    refused = bob.command("room none").told["text"]

    assert (was_linked, "may not do that" in refused) == (False, True)
    assert Channel.objects.get(channel=elsewhere.id).room == plain


@pytest.mark.parametrize(
    ("closed", "fields", "asks"),
    [
        (True, {}, True),
        (True, {"is_private": True}, False),
        (False, {}, False),
        (False, {"is_ext_shared": True}, True),
    ],
    ids=["closed to public", "closed to private", "open to public", "to other organisations"],
)
def test_showing_a_room_to_more_people_than_it_let_in_has_to_be_said_twice(ship, closed, fields, asks):
    elsewhere = ship.slack.channel("random", **fields)
    ship.room.is_closed = closed
    ship.room.save()
    user = ship.user(channel=elsewhere.id)

    user.command("room demo")
    was_asked = not Channel.objects.filter(channel=elsewhere.id).exists()
    user.command("room demo anyway")

    assert was_asked == asks
    assert Channel.objects.filter(channel=elsewhere.id, room=ship.room).exists()


@pytest.mark.parametrize("event", ["the channel is archived", "the app is removed"])
def test_a_room_is_told_once_when_slack_says_that_it_shows_it_no_more(ship, event):
    is_channel = event == "the channel is archived"
    said = {"type": "channel_archive", "channel": ship.there.id} if is_channel else {"type": "app_uninstalled"}
    for _ in range(2):
        ship.user().event(said)

    codes = [f"announce.slack_{word}" for word in (["stopped"] if is_channel else ["removed"])]
    assert list(ship.room.messages.values_list("code", flat=True)) == codes


def test_in_a_direct_message_the_one_room_of_a_person_is_meant(ship):
    alone = ship.user(channel="D1").command("status")
    factories.room("other", members=(ship.alice,))
    in_two = ship.user(channel="D1").command("status")

    assert Line.objects.count() == 1
    assert alone.told["response_type"] == "in_channel"
    assert "shows no room" in in_two.told["text"]


# --- presses ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def waiting(ship):
    """A deployment of alice to an environment where bob may approve, and its message in Slack."""
    ship.staging.approvals_needed = 1
    ship.staging.save()
    factories.grant(ship.bob, "approver", app=ship.shop)
    ship.user().command(DEPLOY)
    deployment = Deployment.objects.get()
    ship.plan(deployment)
    ship.send_all()
    return deployment


def _press(ship, user, action, deployment, **changes):
    message = ship.messages[-1]
    return ship.user(user).press(message.ts, f"deploy.{action}", f"{deployment.pk}:3", **changes)


def test_a_press_approves_as_the_person_and_a_second_one_changes_nothing(ship, waiting):
    first = _press(ship, "UBOB", "approve", waiting)
    second = _press(ship, "UBOB", "approve", waiting)
    replayed = ship.mail.again(first)

    waiting.refresh_from_db()
    assert [sent.status for sent in (first, second, replayed)] == [200] * 3
    assert waiting.approvals.count() == 1
    assert waiting.status == "queued"


@pytest.mark.parametrize("change", ["unlinked", "deactivated", "right taken away", "put out of the room", "no right"])
def test_who_presses_is_asked_at_that_moment(ship, waiting, change):
    user = "UBOB"
    match change:
        case "unlinked":
            Identity.objects.filter(user="UBOB").delete()
        case "deactivated":
            ship.bob.is_active = False
            ship.bob.save()
        case "right taken away":
            ship.bob.grants.all().delete()
        case "put out of the room":
            ship.room.members.remove(ship.bob)
        case "no right":
            user = "UALICE"  # who asked for it does not approve it

    _press(ship, user, "approve", waiting)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.approvals.count()) == ("awaiting_approval", 0)
    ship.hears("may not" if change == "right taken away" else "")


def test_a_press_that_would_make_another_deployment_does_so_once_whoever_presses(ship):
    factories.grant(ship.bob, "deployer", app=ship.shop)
    ship.user().command(DEPLOY)
    failed = Deployment.objects.get()
    ship.fail(failed)
    ship.send_all()

    for user in ("UALICE", "UBOB", "UALICE"):
        _press(ship, user, "retry", failed)

    assert Deployment.objects.exclude(pk=failed.pk).count() == 1
    ship.hears("already")


def test_a_press_that_was_refused_leaves_it_to_others(ship):
    ship.user().command(DEPLOY)
    failed = Deployment.objects.get()
    ship.fail(failed)
    ship.send_all()

    _press(ship, "UBOB", "retry", failed)
    _press(ship, "UALICE", "retry", failed)

    assert Deployment.objects.exclude(pk=failed.pk).get().requested_by == ship.alice


def test_a_button_of_another_app_or_with_nonsense_in_it_does_nothing(ship):
    user = ship.user()

    answers = [
        user.press("1.0", "deploy.cancel", "nonsense").status,
        user.press("1.0", "deploy.cancel", "99999:1").status,
        user.press("1.0", "deploy.cancel", "9" * 30 + ":1").status,
        user.press("1.0", "deploy.sudo", "1:1").status,
        user.press("1.0", "say.0", "no room").status,
        user.press("1.0", "something.else", "1:1").status,
    ]

    assert answers == [200] * 6
    assert not Line.objects.exists()


def test_a_line_that_was_offered_is_typed_by_whoever_presses_it(ship):
    value = f"{ship.room.pk}:/deploy {DEPLOY}"

    ship.user().press("1.0", "say.0", value)
    ship.user().press("1.0", "say.0", value)

    assert Deployment.objects.get().requested_by == ship.alice


def test_old_answers_are_forgotten(ship, settings):
    from chatops.slack.deliveries import forget

    ship.user().command("status")
    wait_until(Delivery.objects.exists)
    settings.SLACK_KEEP_S = 0
    forget()

    assert not Delivery.objects.exists()


def test_names_lists_ones_own_rooms(ship):
    assert rooms.names(ship.bob) == ["demo"]
