"""Whether what people say is shown on both sides of a link: it is not, until a manager of the room wants it."""

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from bot import phrases
from chatops.room import people
from chatops.room.models import Membership, Room, Stream
from chatops.room.streams import heads
from chatops.room.timeline import Timeline
from chatops.slack import calls
from chatops.slack.answers import Told
from chatops.slack.models import Channel, Post, Workspace
from deploy_core.ledger import audit
from deploy_core.models import Person

#: Managers of a room who are named to somebody else.
MOST_NAMED = 5


def show(link: Channel, person: Person, words: list[str]) -> Told:
    """`mirror`, `mirror on`, `mirror on anyway`, `mirror off`: whether a channel and its room show what people say."""
    named = {"room": link.room.slug}
    match words:
        case []:
            return "slack_mirror_on" if link.may_talk else "slack_mirror_off", named, False
        case ["on"] | ["on", "anyway"] | ["off"]:
            if not people.may_manage(person, link.room):
                return "slack_mirror_forbidden", {**named, "managers": _managers(link.room)}, True
        case _:
            return "slack_mirror_usage", {}, True
    if words == ["off"]:
        end(link, "slack_mirror_ended", by=person)
        return "slack_mirror_off", named, False
    return _begin(link, person, is_sure="anyway" in words)


def _begin(link: Channel, person: Person, *, is_sure: bool) -> Told:
    """Turn it on, where Slack lets us read and whoever asks knows who will."""
    named = {"room": link.room.slug}
    try:
        seen = calls.ask(link.workspace, "conversations.info", channel=link.channel)["channel"]
    except calls.Refused:
        return "slack_room_unseen", {}, True
    except (calls.Limited, calls.Unsure):
        return "slack_late", {}, True
    if not seen.get("is_member"):
        return "slack_room_unseen", {}, True
    is_private, is_shared = bool(seen.get("is_private")), bool(seen.get("is_ext_shared"))
    scope = "groups:history" if is_private else "channels:history"
    if not link.workspace.has_scope(scope):
        page = f"{settings.PUBLIC_URL}{reverse('slack')}"
        return "slack_mirror_scope", {"scope": scope, "url": page}, True
    if (is_shared or (link.room.is_closed and not is_private)) and not is_sure:
        others = phrases.render("slack_others", {}) if is_shared else ""
        return "slack_mirror_sure", {**named, "others": others}, True
    begin(link, by=person, is_private=is_private and not is_shared, is_wide=is_sure)
    return "slack_mirror_on", named, False


@transaction.atomic
def begin(link: Channel, *, by: Person, is_private: bool, is_wide: bool) -> None:
    """What people say from now on is shown on both sides; both are told so. What was said before stays where it is."""
    is_new, stream = link.talk is None, Stream("room", link.room_id)
    if is_new:
        link.talk = heads([stream])[stream].number
    link.is_private, link.is_wide = is_private, is_wide
    link.save(update_fields=["talk", "is_private", "is_wide"])
    audit.record(by, "slack.mirror", _place(link), "on", room=link.room.slug, is_wide=is_wide)
    if is_new:
        _announce(link, "announce.slack_mirror_on", by)


@transaction.atomic
def end(link: Channel, why: str, *, by: Person | None = None) -> None:
    """What people say stays where it is said, from now on: what waits is not sent. Both sides are told."""
    if not Channel.objects.filter(pk=link.pk, talk__isnull=False).update(talk=None):
        return
    link.talk = None
    waiting = Post.objects.filter(channel=link, said__isnull=False, is_gone=False, is_done=False)
    waiting.update(is_done=True, payload={}, trouble=why)
    audit.record(by, "slack.mirror", _place(link), "off", room=link.room.slug, why=why)
    _announce(link, f"announce.{why}", by)


def mind(link: Channel) -> None:
    """The room is another than it was: if more people would hear now than are let in, it ends."""
    if link.talk is not None and not link.trouble and not link.may_talk:
        end(link, "slack_mirror_wider")


def shared(workspace: Workspace, channel: str) -> None:
    """Slack has let people of another organisation into a channel."""
    for link in Channel.objects.filter(workspace=workspace, channel=channel).select_related("room", "workspace"):
        end(link, "slack_mirror_wider")


def _announce(link: Channel, code: str, by: Person | None) -> None:
    timeline, now = Timeline(), timezone.now()
    params = {"room": link.room.slug, "channel": link.name or link.channel} | ({"by": by.username} if by else {})
    timeline.notice(link.room, f"slack-mirror:{link.pk}:{now:%s.%f}", code, params, at=now)
    timeline.write()


def _managers(room: Room) -> list[str]:
    managers = Membership.objects.filter(room=room, is_manager=True, person__is_active=True)
    return list(managers.order_by("person__username").values_list("person__username", flat=True)[:MOST_NAMED])


def _place(link: Channel) -> str:
    return f"{link.workspace.team}/{link.channel}"
