"""Webhooks: who may knock from where a repository lives, what came, whom we tell, and what became of it."""

from urllib.parse import urlsplit

from django.db import models

from deploy_core.models import App, Deployment, Person
from deploy_core.models.fleet import NAME


class IncomingHook(models.Model):
    """Where an app's repository lives may tell of pushes, in the name of a service person. `sealed` is its secret."""

    class Provider(models.TextChoices):
        GITHUB = "github"
        GITLAB = "gitlab"

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="incoming_hooks")
    provider = models.CharField(max_length=8, choices=Provider.choices)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="incoming_hooks")
    sealed = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "provider"), name="incoming_hook_once"),)

    def __str__(self) -> str:
        return f"{self.provider}/{self.app.name}"


class IncomingDelivery(models.Model):
    """One delivery that was signed as it should be, and what came of it. Neither its id nor its body acts twice."""

    hook = models.ForeignKey(IncomingHook, on_delete=models.CASCADE, related_name="deliveries")
    delivery_id = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    event = models.CharField(max_length=40)
    outcome = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("hook", "delivery_id"), name="incoming_delivery_once"),
            models.UniqueConstraint(fields=("hook", "digest"), name="incoming_body_once"),
        )

    def __str__(self) -> str:
        return f"{self.hook} {self.delivery_id}"


class OutgoingHook(models.Model):
    """An address that is told what happens to deployments of `apps` (none: of every app), signed with its secret.

    `person` keeps it: it tells only what they may view. `events` names what it tells (none: everything).
    """

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    url = models.CharField(max_length=500)
    sealed = models.TextField(blank=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="outgoing_hooks")
    apps = models.ManyToManyField(App, related_name="outgoing_hooks", blank=True)
    events = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """All of the address that is written into the audit: what follows is often a secret of the receiver."""
        return urlsplit(self.url).netloc


class Outgoing(models.Model):
    """How far a deployment's journal was turned into deliveries: a durable cursor, as `room.Following` is.

    `forge_id` is what the host of the repository calls the deployment.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="outgoing")
    number = models.PositiveIntegerField(default=0)
    is_done = models.BooleanField(default=False, db_index=True)
    forge_id = models.PositiveBigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.deployment} told to {self.number}"


class Delivery(models.Model):
    """One thing to be told to one address: to a hook, or (`hook` null) to where the app's repository lives.

    Sent at least once; `key` is what the receiver knows it by. `next_try` is None once it has arrived or was given up.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        GIVEN_UP = "given_up"

    hook = models.ForeignKey(OutgoingHook, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries")
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="deliveries")
    key = models.CharField(max_length=80, unique=True)
    event = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(null=True, blank=True, db_index=True)
    answer = models.IntegerField(null=True, blank=True)
    trouble = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    tried = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key
