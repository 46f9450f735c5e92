"""What is deployed where: apps, environments, servers, and how to log in."""

from django.db import models

from .names import NAME as NAME


class Credential(models.Model):
    """A way to log in to servers. `sealed` is AES-GCM text bound to this row, unreadable without the key file."""

    class Kind(models.TextChoices):
        KEY = "key"
        PASSWORD = "password"  # noqa: S105 - a word, not a secret
        AGENT = "agent"

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    kind = models.CharField(max_length=8, choices=Kind.choices)
    sealed = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=128, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Server(models.Model):
    """A machine. `host` is its network name; `host_key` (`type base64`) is pinned once a person confirmed it."""

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=22)
    user = models.CharField(max_length=63)
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, null=True, blank=True, related_name="servers")
    host_key = models.TextField(blank=True)
    jump = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="behind")
    variables = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A set of servers that is named in one word."""

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    servers = models.ManyToManyField(Server, related_name="groups", blank=True)

    def __str__(self) -> str:
        return self.name


class App(models.Model):
    """A repository and how it is deployed."""

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    repository = models.CharField(max_length=500)
    default_ref = models.CharField(max_length=200, default="main")
    pipeline = models.TextField(blank=True)
    fetched = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """A named target of an app. `path` is where its releases live on each server (relative: below the login's home).

    Who asks for a deployment to a protected one confirms it; `approvals_needed` others say yes to its plan.
    With `needs_proof` whoever starts, confirms or approves one has just given a second step.
    Of deploy.yml the stricter holds: at most `batch_size` servers (0: any number) switch together, health is watched
    for at least `verify_minutes` after the last one, and with `needs_health` there is no deployment without a check.
    `command_rooms` (slugs; none: everywhere) are where commands for it may be typed. A push to `followed_branch`
    deploys it. `required_checks` (names, `*` for all there are; none: no gate) must be green on the revision, unless
    somebody forces it where `checks_may_be_forced`.
    """

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=63, validators=[NAME])
    path = models.CharField(max_length=300)
    servers = models.ManyToManyField(Server, through="Placement", related_name="environments")
    default_ref = models.CharField(max_length=200, blank=True)
    is_protected = models.BooleanField(default=False)
    needs_proof = models.BooleanField(default=False)
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    batch_size = models.PositiveIntegerField(default=0)
    verify_minutes = models.PositiveIntegerField(default=0)
    needs_health = models.BooleanField(default=False)
    command_rooms = models.JSONField(default=list, blank=True)
    followed_branch = models.CharField(max_length=200, blank=True)
    required_checks = models.JSONField(default=list, blank=True)
    checks_may_be_forced = models.BooleanField(default=True)
    variables = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=("app", "name"), name="environment_once_per_app"),)

    def __str__(self) -> str:
        return f"{self.app.name}/{self.name}"


class Placement(models.Model):
    """An environment on a server, with the variables only this pair has (a port, say), in rolling order."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="placements")
    server = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="placements")
    variables = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=("environment", "server"), name="placement_once"),)

    def __str__(self) -> str:
        return f"{self.environment} on {self.server}"


class Alias(models.Model):
    """Another word for an app or an environment name."""

    class Kind(models.TextChoices):
        APP = "app"
        ENVIRONMENT = "environment"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    word = models.CharField(max_length=63, validators=[NAME])
    name = models.CharField(max_length=63)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("kind", "word"), name="alias_once"),)

    def __str__(self) -> str:
        return f"{self.word} = {self.name}"


class KnownRef(models.Model):
    """A branch or tag as the last fetch saw it. The bot reads these and never git."""

    class Kind(models.TextChoices):
        BRANCH = "branch"
        TAG = "tag"

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="refs")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    name = models.CharField(max_length=250)
    revision = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "kind", "name"), name="known_ref_once"),)

    def __str__(self) -> str:
        return self.name


class KnownCommit(models.Model):
    """A commit as the last fetch saw it, newest first on its branch."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="commits")
    branch = models.CharField(max_length=250)
    revision = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    author = models.CharField(max_length=200)
    at = models.DateTimeField()
    position = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "branch", "position"), name="known_commit_once"),)

    def __str__(self) -> str:
        return f"{self.revision[:7]} {self.subject}"
