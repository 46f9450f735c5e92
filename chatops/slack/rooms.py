"""Which room a channel shows, and who may say so: a link makes things seen, it gives nobody a right."""

from django.db import transaction
from django.utils import timezone

from bot import phrases
from chatops.room import people
from chatops.room.models import Room, Stream
from chatops.room.streams import heads
from chatops.room.timeline import Timeline
from chatops.slack import calls, opting
from chatops.slack.answers import Told
from chatops.slack.models import Channel, Post, Workspace
from deploy_core.ledger import audit
from deploy_core.models import Deployment, Person
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access


def mirror(workspace: Workspace, channel: str, person: Person, words: list[str]) -> Told:
    """`mirror`, `mirror on`, …: whether what people say is shown on both sides; see `opting`."""
    link = link_of(workspace, channel)
    if link is None or link.trouble:
        return "slack_no_room", {"rooms": names(person)}, True
    if not link.room.memberships.filter(person=person).exists():
        return "slack_not_member", {"room": link.room.slug}, True
    return opting.show(link, person, words)


def link_of(workspace: Workspace, channel: str) -> Channel | None:
    """What ties a channel to its room."""
    known = Channel.objects.filter(workspace=workspace, channel=channel)
    return known.select_related("workspace", "room__default_app").first()


def show(workspace: Workspace, channel: str, person: Person, words: list[str]) -> Told:
    """`room`, `room none`, `room ops`, `room ops anyway`: what a channel shows, or shall show from now on."""
    link = link_of(workspace, channel)
    if not words:
        known = {"rooms": names(person)}
        return ("slack_room", {"room": link.room.slug}, False) if link else ("slack_no_room", known, False)
    if words[0] in ("none", "off"):
        return _part(link, person)
    room = Room.objects.filter(slug=words[0].lstrip("#"), members=person).first()
    if room is None:
        return "slack_room_unknown", {"given": words[0], "rooms": names(person)}, True
    for shown in (room, link.room if link else room):  # what a channel shows now is not taken away by others either
        if refusal := _why_not(shown, person):
            return refusal
    try:
        seen = calls.ask(workspace, "conversations.info", channel=channel)["channel"]
    except calls.Refused:
        return "slack_room_unseen", {}, True
    except (calls.Limited, calls.Unsure):
        return "slack_late", {}, True
    is_shared = bool(seen.get("is_ext_shared"))
    is_wider = is_shared or (room.is_closed and not seen.get("is_private"))
    if is_wider and words[1:] != ["anyway"]:
        others = phrases.render("slack_others", {}) if is_shared else ""
        return "slack_room_sure", {"room": room.slug, "others": others}, True
    tie(workspace, channel, str(seen.get("name") or ""), room, by=person)
    return "slack_room_linked", {"room": room.slug}, False


@transaction.atomic
def tie(workspace: Workspace, channel: str, name: str, room: Room, *, by: Person) -> Channel:
    """The channel shows the room, from what happens next on. What people say is shown once that is wanted too."""
    if known := link_of(workspace, channel):
        opting.end(known, "slack_mirror_ended", by=by)
    stream = Stream("room", room.pk)
    link, _ = Channel.objects.update_or_create(
        workspace=workspace,
        channel=channel,
        defaults={
            "room": room,
            "name": name[:120],
            "number": heads([stream])[stream].number,
            "trouble": "",
            "linked_by": by,
        },
    )
    audit.record(by, "slack.room", f"{workspace.team}/{channel}", "done", room=room.slug)
    return link


@transaction.atomic
def _part(link: Channel | None, person: Person) -> Told:
    if link is None:
        return "slack_room_unlinked", {}, False
    if refusal := _why_not(link.room, person):
        return refusal
    opting.end(link, "slack_mirror_ended", by=person)
    audit.record(person, "slack.room", f"{link.workspace.team}/{link.channel}", "ended", room=link.room.slug)
    link.delete()
    return "slack_room_unlinked", {}, False


@transaction.atomic
def stop(channel: Channel, error: str) -> None:
    """A channel gets nothing more until it is linked again; its room is told once, with what to do."""
    if not Channel.objects.filter(pk=channel.pk, trouble="").update(trouble=error[:64]):
        return
    waiting = Post.objects.filter(workspace=channel.workspace_id, place=channel.channel, is_done=False)
    waiting.update(is_done=True, payload={}, trouble=error[:64])
    timeline, now = Timeline(), timezone.now()
    params = {"channel": channel.name or channel.channel, "error": error, "room": channel.room.slug}
    timeline.notice(channel.room, f"slack-channel:{channel.pk}:{now:%s}", "announce.slack_stopped", params, at=now)
    timeline.write()


def names(person: Person) -> list[str]:
    """The rooms that a person is in."""
    return list(Room.objects.filter(members=person).order_by("slug").values_list("slug", flat=True)[:20])


def own(person: Person) -> Room | None:
    """The room of somebody who writes to the bot alone: the one they are in, if it is one."""
    found = list(Room.objects.filter(members=person).select_related("default_app")[:2])
    return found[0] if len(found) == 1 else None


def about(channel: str, workspace: Workspace, person: Person, deployment: Deployment) -> Room | None:
    """Where a press on a deployment's message is said: the room the channel shows, else one that follows its app."""
    link = Channel.objects.filter(workspace=workspace, channel=channel).select_related("room__default_app").first()
    if link:
        return link.room
    return Room.objects.filter(members=person, apps=deployment.app_id).order_by("pk").first()


def _why_not(room: Room, person: Person) -> Told | None:
    """What keeps a person from saying where a room is shown: they manage its apps, or, if it has none, the room."""
    followed = list(room.apps.order_by("name").values_list("name", flat=True))
    if not followed and not people.may_manage(person, room):
        return "forbidden", {}, True
    missing = next((app for app in followed if not access.can(person, "manage", app, EVERYWHERE)), "")
    return ("slack_room_forbidden", {"app": missing, "room": room.slug}, True) if missing else None
