"""What Slack and we know of each other: workspaces, who is who there, which channel shows which room, what was sent."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Workspace(models.Model):
    """A Slack workspace that has the app. Its token is sealed (`workspaces.token_of`).

    `trouble` is the error with which Slack refused the token; nothing is sent until it is installed again. Until
    `quiet_until` Slack wants to hear nothing of us. `drained_by` is the one process that sends, until `drained_until`.
    `behind` is since when Slack has not taken something, once the rooms were told of it.
    """

    team = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120, blank=True)
    app = models.CharField(max_length=32, blank=True)
    bot_user = models.CharField(max_length=32, blank=True)
    bot = models.CharField(max_length=32, blank=True)
    scopes = models.TextField(blank=True)
    sealed = models.TextField(blank=True)
    installed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    installed = models.DateTimeField()
    removed = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=64, blank=True)
    quiet_until = models.DateTimeField(null=True, blank=True)
    drained_by = models.CharField(max_length=120, blank=True)
    drained_until = models.DateTimeField(null=True, blank=True)
    behind = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name or self.team

    @property
    def is_open(self) -> bool:
        """Whether we may speak there."""
        return self.removed is None and not self.trouble and bool(self.sealed)

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes.split(",")


class Identity(models.Model):
    """A person's own account in a workspace. `number`: how far their private stream was told there."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="identities")
    user = models.CharField(max_length=32)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="slack_identities")
    number = models.PositiveBigIntegerField(default=0)
    linked = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = (models.UniqueConstraint(fields=("workspace", "user"), name="slack_user_once"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} is {self.person}"


class Ticket(models.Model):
    """A link that ties a Slack user to whoever opens it signed in, once. Only its token's SHA-256 is kept."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tickets")
    user = models.CharField(max_length=32)
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link of {self.user} in {self.workspace}"


class Channel(models.Model):
    """A Slack channel that shows a room. `number`: how far the room's stream was told there.

    `trouble` is the error with which Slack refused the channel; nothing is sent there until it is linked again. What
    people say is shown on both sides from event `talk` of the room on; None: it stays where it is said. `is_private`
    and `is_wide` are of the moment when that was turned on: only the channel's members read it, and somebody has
    agreed that more people do than are let into the room.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="channels")
    channel = models.CharField(max_length=32)
    name = models.CharField(max_length=120, blank=True)
    room = models.ForeignKey("room.Room", on_delete=models.CASCADE, related_name="slack_channels")
    number = models.PositiveBigIntegerField(default=0)
    trouble = models.CharField(max_length=64, blank=True)
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    linked = models.DateTimeField(auto_now_add=True)
    talk = models.PositiveBigIntegerField(null=True, blank=True)
    is_private = models.BooleanField(default=False)
    is_wide = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "channel"), name="slack_channel_once"),)

    def __str__(self) -> str:
        return f"{self.name or self.channel} shows {self.room}"

    @property
    def may_talk(self) -> bool:
        """Whether what people say is shown on both sides. A room that was closed meanwhile is read by its members."""
        is_fit = self.is_private or self.is_wide or not self.room.is_closed
        return self.talk is not None and not self.trouble and is_fit


class Heard(models.Model):
    """What somebody said in a channel (`place`, `ts`, in the thread of `thread`), and the message that it is here."""

    room = models.ForeignKey("room.Room", on_delete=models.CASCADE, related_name="+")
    place = models.CharField(max_length=32)
    ts = models.CharField(max_length=32)
    thread = models.CharField(max_length=32, blank=True)
    message = models.ForeignKey("room.Message", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("room", "place", "ts"), name="slack_heard_once"),)

    def __str__(self) -> str:
        return f"{self.ts} in {self.place} is message {self.message_id}"


class Delivery(models.Model):
    """A request of Slack that was answered: the same one again gets the same answer, and nothing is done twice.

    One that Slack was told is worked on is kept whole in `sealed` until its answer has gone out; `taken` is when
    somebody last began with it. A press that only one may make has a row too, which the request `by` claims.
    """

    key = models.CharField(max_length=80, unique=True)
    answer = models.JSONField(default=dict)
    at = models.DateTimeField(db_index=True)
    sealed = models.TextField(blank=True)
    taken = models.DateTimeField(null=True, blank=True)
    by = models.CharField(max_length=48, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=("taken",), condition=Q(taken__isnull=False), name="slack_delivery_open"),)

    def __str__(self) -> str:
        return self.key


class Post(models.Model):
    """A message that Slack has, or is to get: once per place and key, in the order of their ids.

    A card (`deployment` set, no `payload`) is drawn from the journal when it is sent, and again whenever the journal
    has grown past `number`, until it `is_done`. What a person `said` is changed there when it was changed here, and
    taken back when `is_gone`; one that `joined` another is no message of its own there, but goes along with that. All
    others are sent once. `place` is a channel, or a user for private words;
    `whisper_to`: only this user sees it in the channel. `begun` is set before the call: with it and no `ts`, nobody
    knows whether Slack has the message. `not_before` spaces calls out; `edits` counts those that only steps caused.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="posts")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, null=True, blank=True, related_name="posts")
    place = models.CharField(max_length=32)
    key = models.CharField(max_length=80)
    under = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="replies")
    thread = models.CharField(max_length=32, blank=True)
    whisper_to = models.CharField(max_length=32, blank=True)
    is_broadcast = models.BooleanField(default=False)
    deployment = models.ForeignKey(
        "deploy_core.Deployment", on_delete=models.CASCADE, null=True, blank=True, related_name="slack_posts"
    )
    said = models.ForeignKey("room.Message", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    joined = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="along")
    is_gone = models.BooleanField(default=False)
    payload = models.JSONField(default=dict, blank=True)
    ts = models.CharField(max_length=32, blank=True)
    number = models.PositiveBigIntegerField(default=0)
    status = models.CharField(max_length=24, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    edits = models.PositiveIntegerField(default=0)
    begun = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    is_done = models.BooleanField(default=False)
    trouble = models.CharField(max_length=64, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "place", "key"), name="slack_post_once"),)
        indexes = (models.Index(fields=("workspace",), condition=Q(is_done=False), name="slack_post_open"),)

    def __str__(self) -> str:
        return f"{self.key} in {self.place}"
