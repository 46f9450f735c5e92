"""What was built, and what lies on which server."""

from typing import Self

from django.db import models

from deploy_core.rules.status import Status

from .fleet import App, Environment, Server


class Manifest(models.Model):
    """The content of a tree: `packed` is zlib'd NUL-separated lines; `id` is the sha256 of them unpacked."""

    id = models.CharField(primary_key=True, max_length=64)
    packed = models.BinaryField()
    files = models.PositiveIntegerField()
    size_bytes = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.id[:12]


class Artifact(models.Model):
    """A built tree: a file in the artifacts folder named by its manifest id."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="artifacts")
    revision = models.CharField(max_length=40)
    recipe = models.CharField(max_length=64)
    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="artifacts")
    size_bytes = models.PositiveBigIntegerField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "revision", "recipe"), name="artifact_once"),)

    def __str__(self) -> str:
        return f"{self.app} {self.revision[:7]}"


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Releases as an environment's servers have them."""

    def complete_in(self, environment: Environment) -> Self:
        """Those that lie verified on every server of `environment`, the newest first."""
        servers = environment.placements.values_list("server_id", flat=True)
        on_servers = models.Count("copies", filter=models.Q(copies__server__in=servers), distinct=True)
        found = self.filter(environment=environment).annotate(on_servers=on_servers)
        return found.filter(on_servers=len(servers), on_servers__gt=0).order_by("-pk")

    def current_in(self, environment: Environment) -> "Release | None":
        """The newest release that any server of `environment` runs."""
        return self.filter(environment=environment, copies__is_current=True).order_by("-pk").first()

    def to_go_back_to(self, environment: Environment) -> "Release | None":
        """The newest release older than the current one that was deployed with success and is still everywhere."""
        good = self.complete_in(environment).filter(
            models.Exists(environment.deployments.filter(release=models.OuterRef("pk"), status=Status.SUCCEEDED))
        )
        current = self.current_in(environment)
        return good.filter(pk__lt=current.pk).first() if current else good.first()


class Release(models.Model):
    """A revision laid out as `releases/<name>` on an environment's servers; immutable."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="releases")
    name = models.CharField(max_length=80)
    revision = models.CharField(max_length=40)
    ref = models.CharField(max_length=200)
    pipeline = models.TextField()
    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="releases")
    created = models.DateTimeField(auto_now_add=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="release_once"),)

    def __str__(self) -> str:
        return self.name

    @property
    def content(self) -> tuple[str, str]:
        """What two releases have in common that are the same under two names, as after a retry of some servers."""
        return self.revision, self.manifest_id


class ReleaseCopy(models.Model):
    """A complete release on one server, and whether `current` points at it."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="copies")
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="copies")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="copies")
    is_current = models.BooleanField(default=False)
    staged = models.DateTimeField()
    switched = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("server", "release"), name="release_copy_once"),
            models.UniqueConstraint(
                fields=("environment", "server"), condition=models.Q(is_current=True), name="one_current_per_server"
            ),
        )

    def __str__(self) -> str:
        return f"{self.release} on {self.server}"
