"""Rooms: who is in them, what was typed, what is shown, and the numbered events that every page follows."""

import re
from typing import NamedTuple

from django.conf import settings
from django.db import models

from bot.invocation import Invocation, Surface
from deploy_core.models import Person
from deploy_core.models.fleet import NAME
from deploy_core.models.statements import fetch

_FOLLOWED = """
    SELECT app.name FROM room_room_apps shown JOIN deploy_core_app app ON app.id = shown.app_id
    WHERE shown.room_id = %s ORDER BY app.name
"""
_OPEN = """
    SELECT slug FROM room_room
    WHERE NOT is_closed OR id IN (SELECT room_id FROM room_membership WHERE person_id = %s)
"""
_STREAM = re.compile(r"(room|person|deployment|log):([1-9][0-9]{0,17})")


class Stream(NamedTuple):
    """The name of one numbered stream: `room:7`, `person:3`, `deployment:42`, `log:91` (a step's output)."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, name: object) -> "Stream | None":
        """The stream that `name` names; None for anything else."""
        match = _STREAM.fullmatch(name) if isinstance(name, str) else None
        return cls(match[1], int(match[2])) if match else None


class Room(models.Model):
    """A place to talk and to run commands. An open room may be joined by anybody, a closed one by invitation.

    In an announcements room only managers and the bot write; lines of deployment pages and of Slack are shown there.
    `pinned` is the announcement that stands above the talk.
    """

    slug = models.CharField(max_length=63, unique=True, validators=[NAME])
    topic = models.CharField(max_length=200, blank=True)
    is_closed = models.BooleanField(default=False)
    is_announcements = models.BooleanField(default=False)
    pinned = models.ForeignKey("room.Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    default_app = models.ForeignKey(
        "deploy_core.App", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    apps = models.ManyToManyField("deploy_core.App", related_name="rooms", blank=True)
    #: Names of the environments whose deployments it hears of; none: all.
    environments = models.JSONField(default=list, blank=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="rooms")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug

    def hears_of(self, environment: str) -> bool:
        """Whether deployments to environments of this name show here by themselves."""
        return not self.environments or environment in self.environments

    def invocation(self, text: str, *, by: Person, surface: Surface, client_id: str = "") -> Invocation:
        """A line typed in this room, as the bot gets it."""
        return Invocation(
            text=text,
            actor=by,
            surface=surface,
            room=self.slug,
            default_app=self.default_app.name if self.default_app else "",
            apps=tuple(name for (name,) in fetch(_FOLLOWED, (self.pk,))),
            client_id=client_id,
            rooms=tuple(slug for (slug,) in fetch(_OPEN, (by.pk,))),
        )


class Membership(models.Model):
    """A person in a room, the number of the newest room event they have read, and what they are called for.

    A manager invites, removes, sets the topic, deletes what others said.
    """

    class Level(models.TextChoices):
        ALL = "all"
        MENTIONS = "mentions"  # and failures
        NOTHING = "nothing"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    read = models.PositiveBigIntegerField(default=0)
    is_manager = models.BooleanField(default=False)
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.MENTIONS)
    joined = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("room", "person"), name="member_once"),)

    def __str__(self) -> str:
        return f"{self.person} in {self.room}"


class Line(models.Model):
    """What a person typed, wherever: stored once per client id, with what came of it."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="lines")
    client_id = models.CharField(max_length=80)
    surface = models.CharField(max_length=12)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, null=True, blank=True, related_name="lines")
    text = models.TextField()
    reply_to = models.ForeignKey("room.Message", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("author", "client_id"), name="line_once"),)

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:40]}"


class Message(models.Model):
    """What the room shows. `author` null: the bot. A card names its deployment; words of the bot are code + params.

    Chat without an author is what somebody said who has no account here: `params` has their name as `guest`.
    `number` is that of its event in the room's stream. A deleted message has no text any more.
    """

    class Kind(models.TextChoices):
        CHAT = "chat"
        COMMAND = "command"
        REPLY = "reply"
        CARD = "card"
        ANNOUNCEMENT = "announcement"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="messages"
    )
    client_id = models.CharField(max_length=80)
    text = models.TextField(blank=True)
    code = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict, blank=True)
    deployment = models.ForeignKey(
        "deploy_core.Deployment", on_delete=models.CASCADE, null=True, blank=True, related_name="messages"
    )
    at = models.DateTimeField()
    number = models.PositiveBigIntegerField(null=True, blank=True)
    reply_to = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replies")
    edited = models.DateTimeField(null=True, blank=True)
    deleted = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=("room", "number"), name="message_by_number"),)
        constraints = (
            models.UniqueConstraint(
                fields=("room", "client_id"), condition=models.Q(author__isnull=True), name="bot_message_once"
            ),
            models.UniqueConstraint(fields=("author", "client_id"), name="message_once"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} in {self.room}"

    @property
    def said_by(self) -> str:
        """The name of who said it; "" for the bot. `author` is read."""
        return self.author.username if self.author else str(self.params.get("guest", ""))


class Mention(models.Model):
    """A message calls a person: by name, or as who is on call."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="mentions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("message", "person"), name="mention_once"),)

    def __str__(self) -> str:
        return f"{self.person} in message {self.message_id}"


class Watching(models.Model):
    """A person wants to hear of an app's environment ("": of all of them), whatever their rooms' levels are."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watchings")
    app = models.ForeignKey("deploy_core.App", on_delete=models.CASCADE, related_name="+")
    environment = models.CharField(max_length=63, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "app", "environment"), name="watching_once"),)

    def __str__(self) -> str:
        return f"{self.person} watches {self.app} {self.environment}"


class Muting(models.Model):
    """A person is told nothing about an app until then."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mutings")
    app = models.ForeignKey("deploy_core.App", on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "app"), name="muting_once"),)

    def __str__(self) -> str:
        return f"{self.person} hears nothing of {self.app} until {self.until}"


class Event(models.Model):
    """One numbered event of a room's or a person's stream (`room:7`, `person:3`); the rows are the truth."""

    stream_kind = models.CharField(max_length=12)
    stream_id = models.PositiveBigIntegerField()
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    surface = models.CharField(max_length=12, blank=True)
    client_id = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("stream_kind", "stream_id", "number"), name="event_number_once"),
        )

    def __str__(self) -> str:
        return f"{self.stream_kind}:{self.stream_id}/{self.number} {self.kind}"


class Following(models.Model):
    """How far announcements of a deployment have been written: a durable cursor into its journal.

    `is_done`: its end has been announced, so nobody needs to look again.
    """

    deployment = models.OneToOneField("deploy_core.Deployment", on_delete=models.CASCADE, related_name="following")
    number = models.PositiveIntegerField(default=0)
    is_done = models.BooleanField(default=False, db_index=True)

    def __str__(self) -> str:
        return f"{self.deployment} announced to {self.number}"
