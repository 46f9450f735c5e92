"""What people say in a channel that shows it, said in the room: by who they are here, or as a guest by their name.

Nothing that is said runs anything, whatever it begins with. Who may not write in the room is told so, where only they
see it, once in a while: they are not shown either.
"""

import logging
import threading
import time
from typing import cast

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

import bot
from bot import phrases
from chatops.room import chat, people, talk, visitors
from chatops.room.guests import Window
from chatops.room.models import Line, Message, Room
from chatops.slack import nicknames, outbox, rooms, speech
from chatops.slack.answers import Answer, refused
from chatops.slack.asks import Ask
from chatops.slack.models import Channel, Heard, Identity, Post, Workspace
from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import Person

logger = logging.getLogger(__name__)

#: Files that a message names.
MOST_FILES = 5
#: People whose pace is remembered.
MOST_PACED = 2_000

_windows: dict[tuple[int, str], Window] = {}
_guard = threading.Lock()


def hear(ask: Ask, workspace: Workspace) -> Answer:
    """Say in the room what was said, changed or taken back in its channel. The answer is always empty: this is talk."""
    link = rooms.link_of(workspace, ask.channel)
    if link is None or not link.may_talk or ask.user == workspace.bot_user:
        return Answer()
    if ask.name == "deleted":
        _take_back(ask, link)
    elif not speech.is_for(workspace.bot_user, ask.text):  # that is a command, which has an answer of its own
        _say(ask, link) if ask.name == "said" else _change(ask, link)
    return Answer()


def _say(ask: Ask, link: Channel) -> None:
    person = _person(ask, link.workspace)
    with translation.override((person.language if person else "") or settings.SLACK_LANGUAGE):
        try:
            if _heard(ask, link) is None:
                _say_once(ask, link, person)
        except Refused as error:
            _turn_away(ask, link, error)


def _say_once(ask: Ask, link: Channel, person: Person | None) -> None:
    """
    Raises:
        Refused: it is not shown, and its author is to know why.
    """
    if person and not person.is_active:
        raise Refused("slack_inactive", who=person.username)
    text = _text(ask, link.workspace)
    if not text:
        return
    if bot.mask(text).kinds:
        kinds = list(bot.mask(text).kinds)
        audit.record(person, "chat.secret", link.room.slug, "removed", surface="slack", kinds=kinds)
        raise Refused("slack_secret", kinds=kinds)
    chat.check(text)
    if _is_too_fast(ask, link.workspace):
        raise Refused("rate_limited")
    name = "" if person else nicknames.of(link.workspace, [ask.user])[ask.user]
    try:
        _store(ask, link, person or name, text)
    except IntegrityError:  # the same message, at the same moment, by another way
        logger.info("%s in %s was heard already", ask.ts, ask.channel)


@transaction.atomic
def _store(ask: Ask, link: Channel, by: Person | str, text: str) -> None:
    """Say it as a person, or as a guest of this name."""
    answered, client_id = _answered(ask, link), f"slack:{ask.channel}:{ask.ts}"
    if isinstance(by, str):
        message_id = visitors.say(link.room, f"{by} (Slack)", text, client_id, surface="slack", reply_to=answered)
    else:
        # Only a line of the room's own may begin with two strokes for one (`bot.said`).
        shown = f"/{text}" if text.startswith("//") else text
        line = Line(author=by, room=link.room, text=shown, client_id=client_id, surface="slack", at=timezone.now())
        line.reply_to = answered
        (outcome,) = chat.say([line])
        if isinstance(outcome, Refused) and outcome.code == "not_found":
            raise Refused("slack_not_member", room=link.room.slug)
        if isinstance(outcome, Exception):
            raise outcome
        message_id = cast(int, outcome["message"])
    Heard.objects.create(room=link.room, place=ask.channel, ts=ask.ts, thread=ask.thread, message_id=message_id)


def _change(ask: Ask, link: Channel) -> None:
    """Its author has changed it: the room's message says the same from now on, without any secret in it."""
    heard = _heard(ask, link)
    text = _text(ask, link.workspace) if heard else ""
    if heard and 0 < len(text) <= settings.TEXT_LIMIT and _may_write(_person(ask, link.workspace), link.room):
        talk.follow_edit(link.room, heard.message_id, text)


def _take_back(ask: Ask, link: Channel) -> None:
    """It is gone there, so it is gone here, whoever did it: Slack has asked whether they may."""
    if heard := _heard(ask, link):
        talk.follow_delete(link.room, heard.message_id)


def _heard(ask: Ask, link: Channel) -> Heard | None:
    known = Heard.objects.filter(room=link.room, place=ask.channel, ts=ask.ts)
    return known.select_related("message").first()


def _answered(ask: Ask, link: Channel) -> Message | None:
    """What a line in a thread answers: what was heard or said there, or the card of a deployment."""
    if not ask.thread:
        return None
    here = Message.objects.filter(room=link.room, deleted__isnull=True).select_related("author")
    heard = Heard.objects.filter(room=link.room, place=ask.channel, ts=ask.thread).values("message")
    if found := here.filter(pk__in=heard).first():
        return found
    post = Post.objects.filter(workspace=link.workspace, place=ask.channel, ts=ask.thread).first()
    if post is None:
        return None
    if post.said_id:  # of several that went together, the first
        return here.filter(pk__in=[post.said_id, *post.along.values_list("said", flat=True)]).order_by("pk").first()
    return _card(link.room, post.deployment_id) if post.deployment_id else None


def _card(room: Room, deployment_id: int) -> Message | None:
    cards = Message.objects.filter(room=room, kind=Message.Kind.CARD, deployment=deployment_id)
    return cards.first()


def _text(ask: Ask, workspace: Workspace) -> str:
    """What was said, as the room has it; of files their names."""
    users = speech.users_in(ask.text)
    known = Identity.objects.filter(workspace=workspace, user__in=users).values_list("user", "person__username")
    names = {user: f"@{username}" for user, username in known}
    names |= nicknames.of(workspace, [user for user in users if user not in names])
    text = speech.heard(ask.text, names)
    files = [speech.named(name) for name in ask.about.split("\n") if speech.named(name)]
    if files:
        with translation.override(settings.SLACK_LANGUAGE):
            text += "\n" + phrases.render("slack.files", {"names": files[:MOST_FILES]})
    return text.strip()


def _person(ask: Ask, workspace: Workspace) -> Person | None:
    """Who somebody is here; None: a guest, as is whoever belongs to another organisation."""
    if ask.team != workspace.team:
        return None
    known = Identity.objects.filter(workspace=workspace, user=ask.user).select_related("person").first()
    return known.person if known else None


def _may_write(person: Person | None, room: Room) -> bool:
    if person is None:
        return not room.is_announcements
    is_in = person.is_active and room.memberships.filter(person=person).exists()
    return is_in and (not room.is_announcements or people.may_manage(person, room))


def _is_too_fast(ask: Ask, workspace: Workspace) -> bool:
    """As in the room, so many lines within a window."""
    with _guard:
        if len(_windows) > MOST_PACED:
            for key in [key for key, window in _windows.items() if window.is_idle]:
                del _windows[key]
        key = (workspace.pk, ask.user)
        window = _windows.setdefault(key, Window(settings.SEND_RATE, settings.SEND_RATE_WINDOW_S))
        return window.take() > 0


def _turn_away(ask: Ask, link: Channel, error: Refused) -> None:
    """Tell its author, alone, why the room does not show it; what has to do with them, once in `SLACK_HINT_S`."""
    is_of_text = error.code in ("slack_secret", "too_long", "bad_text")
    about = ask.ts if is_of_text else f"{link.pk}:{int(time.time() // settings.SLACK_HINT_S)}"
    answer = refused("slack_not_shown", room=link.room.slug, why=phrases.render(error.code, error.params))
    outbox.whisper(
        link.workspace, ask.channel, ask.user, f"not-shown:{error.code}:{about}", answer.message, thread=ask.thread
    )
