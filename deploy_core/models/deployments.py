"""Deployments, their steps, their journal and their logs."""

from django.db import models
from django.db.models import Q

from deploy_core.rules.status import ACTIVE, Status, StepStatus

from .fleet import App, Environment, Server
from .people import Person
from .releases import Release


class Deployment(models.Model):
    """One attempt to make a release current. The number in `#42` is the primary key.

    `epoch` rises at each takeover; every write of a step carries it. `run` counts the engine's workflows
    (`deployment-<id>-<run>`). `plan` is the resolved list of steps with what each needs (ids, never secrets).
    `deadline` is when it stops to wait for people, or for checks. `confirmed` is the hash of the plan that its author
    confirmed. `is_forced`: it passes locks and freezes, `because` of what its author said. `waits_for_lock`: it was
    asked for behind somebody's lock.
    """

    class Kind(models.TextChoices):
        DEPLOY = "deploy"
        ROLLBACK = "rollback"
        REDEPLOY = "redeploy"
        PROMOTE = "promote"
        TASK = "task"

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.DEPLOY)
    ref = models.CharField(max_length=200, blank=True)
    revision = models.CharField(max_length=40, blank=True)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, blank=True, related_name="deployments")
    previous = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")
    status = models.CharField(max_length=24, choices=[(s, s) for s in Status], default=Status.PLANNING)
    reason = models.CharField(max_length=64, blank=True)
    reason_params = models.JSONField(default=dict, blank=True)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deployments")
    surface = models.CharField(max_length=12, default="web")
    plan = models.JSONField(default=dict, blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    is_forced = models.BooleanField(default=False)
    because = models.CharField(max_length=500, blank=True)
    waits_for_lock = models.BooleanField(default=False)
    confirmed = models.CharField(max_length=64, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    run = models.PositiveIntegerField(default=0)
    executor = models.CharField(max_length=120, blank=True)
    cancel_requested = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("environment",),
                condition=Q(status__in=sorted(ACTIVE)),
                name="one_active_deployment_per_environment",
            ),
        )
        indexes = (models.Index(fields=("status", "created")), models.Index(fields=("environment", "-id")))

    def __str__(self) -> str:
        return f"#{self.pk}"


class Step(models.Model):
    """One node of a deployment's plan: `key` is stable (`stage:web-1`), `parent` names the step it hangs under."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=16)
    parent = models.CharField(max_length=120, blank=True)
    position = models.PositiveIntegerField()
    server = models.ForeignKey(Server, on_delete=models.SET_NULL, null=True, blank=True, related_name="steps")
    server_name = models.CharField(max_length=63, blank=True)
    status = models.CharField(max_length=12, choices=[(s, s) for s in StepStatus], default=StepStatus.PENDING)
    reason = models.CharField(max_length=64, blank=True)
    reason_params = models.JSONField(default=dict, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    exit_status = models.IntegerField(null=True, blank=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    log_lines = models.PositiveIntegerField(default=0)
    log_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("deployment", "key"), name="step_once"),)

    def __str__(self) -> str:
        return self.key


class JournalEntry(models.Model):
    """A fact of a deployment, append-only; numbers are contiguous from 1 in commit order."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="journal")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("deployment", "number"), name="journal_number_once"),)

    def __str__(self) -> str:
        return f"#{self.deployment_id}/{self.number} {self.kind}"


class LogChunk(models.Model):
    """Up to 16 KB of a step's output: `count` lines from `first_line` (the first is 1).

    Each line is `<ms since 1970> <o|e|m> <text>`: the command's output, its errors, or our own words.
    """

    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="chunks")
    first_line = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ("first_line",)
        constraints = (models.UniqueConstraint(fields=("step", "first_line"), name="log_chunk_once"),)

    def __str__(self) -> str:
        return f"{self.step} L{self.first_line}"


class Errand(models.Model):
    """Something that needs the world, asked for by a person: the engine runs it, its answer is a private reply."""

    kind = models.CharField(max_length=24)
    params = models.JSONField(default=dict)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="errands")
    client_id = models.CharField(max_length=80)
    status = models.CharField(max_length=12, default="pending")
    result = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "client_id"), name="errand_once"),)

    def __str__(self) -> str:
        return f"{self.kind} for {self.person}"


class Executor(models.Model):
    """A process that runs an engine, and when it last said so."""

    name = models.CharField(primary_key=True, max_length=120)
    seen = models.DateTimeField()
    started = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
