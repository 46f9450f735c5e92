"""What stands in the way of a deployment: locks, freezes, approvals, schedules. Scoped by environment *name*."""

from django.db import models
from django.db.models import Q

from .deployments import Deployment
from .fleet import App
from .people import Person


class Lock(models.Model):
    """A person holds an environment (`app` null: of every app; `environment` `*`: every environment)."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="locks")
    environment = models.CharField(max_length=63, default="*")
    owner = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="locks")
    reason = models.CharField(max_length=500, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    released = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("app", "environment"),
                condition=Q(released__isnull=True),
                name="one_open_lock_per_scope",
            ),
            models.UniqueConstraint(
                fields=("environment",),
                condition=Q(released__isnull=True, app__isnull=True),
                name="one_open_lock_on_all_apps",
            ),
        )

    def __str__(self) -> str:
        return f"{self.app or '*'}/{self.environment} by {self.owner}"


class Freeze(models.Model):
    """A span in which nothing is deployed to environments of a name."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="freezes")
    environment = models.CharField(max_length=63, default="*")
    author = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="freezes")
    reason = models.CharField(max_length=500, blank=True)
    starts = models.DateTimeField()
    ends = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    lifted = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.app or '*'}/{self.environment} until {self.ends}"


class Window(models.Model):
    """A span of the week in which nothing (`deny`), or only in which something (`allow`), is deployed.

    `days` holds numbers of days, 0 is Monday; `opens` to `closes` by the clocks of `time_zone`, over midnight when
    `closes` is not later.
    """

    class Kind(models.TextChoices):
        DENY = "deny"
        ALLOW = "allow"

    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="windows")
    environment = models.CharField(max_length=63, default="*")
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.DENY)
    days = models.JSONField(default=list)
    opens = models.TimeField()
    closes = models.TimeField()
    time_zone = models.CharField(max_length=64, default="UTC")
    reason = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.app or '*'}/{self.environment} {self.opens}-{self.closes}"


class Approval(models.Model):
    """One person's answer to one plan of one deployment."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="approvals")
    plan_hash = models.CharField(max_length=64)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="approvals")
    is_yes = models.BooleanField()
    comment = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("deployment", "plan_hash", "person"), name="one_answer_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.deployment} {'yes' if self.is_yes else 'no'} by {self.person}"


class BreakGlass(models.Model):
    """An emergency in which somebody deployed without the approvals that the environment wants, and why.

    Open until somebody else, who may approve there, looked at it and signed.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="break_glass")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(auto_now_add=True)
    told = models.JSONField(default=list)
    signed_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    signed = models.DateTimeField(null=True, blank=True, db_index=True)
    note = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"glass broken for {self.deployment} by {self.person}"


class Schedule(models.Model):
    """A deployment that starts at a time, with its author's rights at that time."""

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, related_name="schedule")
    at = models.DateTimeField()
    time_zone = models.CharField(max_length=64, default="UTC")

    def __str__(self) -> str:
        return f"{self.deployment} at {self.at}"


class Notice(models.Model):
    """Something a room (of those who follow `app`; null: every room) or one person is told, outside any deployment."""

    code = models.CharField(max_length=64)
    params = models.JSONField(default=dict, blank=True)
    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    told = models.DateTimeField(null=True, blank=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.code} {self.pk}"
