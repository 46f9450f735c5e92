"""What was built, and what lies on which server."""

from collections.abc import Collection, Iterator
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

    def current_in(self, environment: Environment, only: Collection[str] = ()) -> "Release | None":
        """The newest release that any server of `environment` runs, or of those that are called `only`."""
        return self._current_in(environment, only).first()

    def proven_in(self, environment: Environment) -> "Release | None":
        """The newest release that any server of `environment` runs and that came to its end there with success.

        Another may be on its way through the servers, or have been left on some of them.
        """
        return self._current_in(environment).filter(_went_well(environment)).first()

    def to_go_back_to(self, environment: Environment) -> "Release | None":
        """The release that ran before the current one, was deployed with success and is still everywhere.

        It has other content: what was sent twice is taken back as one, and what some servers got by a retry counts
        as deployed with it. What a rollback had left or passed over did not run before what was deployed after it.
        """
        good = self.complete_in(environment).filter(_went_well(environment))
        current = self.current_in(environment)
        if current is None:
            return good.first()
        older = good.filter(pk__lt=current.pk).exclude(revision=current.revision, manifest=current.manifest_id)
        found = {release.pk: release for release in older}
        before = list(_ran_before(environment, current, until=min(found))) if found else []
        if not before:  # nobody noted what ran before it
            return older.first()
        return next((found[pk] for pk in before if pk in found), None)

    def _current_in(self, environment: Environment, only: Collection[str] = ()) -> Self:
        """A server that was taken off the environment still has its copy, which is nothing that runs here."""
        placed = environment.placements.filter(server__name__in=only) if only else environment.placements.all()
        servers = placed.values("server")
        current = ReleaseCopy.objects.filter(environment=environment, is_current=True, server__in=servers)
        return self.filter(environment=environment, pk__in=current.values("release")).order_by("-pk")


def _ran_before(environment: Environment, release: "Release", until: int) -> Iterator[int]:
    """What ran when `release` was deployed, what ran when that was, and so on: keys that fall, not below `until`."""
    pk: int = release.pk
    while True:
        made = environment.deployments.filter(release=pk).exclude(kind="rollback").order_by("-pk")
        before = made.values_list("previous", flat=True).first()
        if before is None or not until <= before < pk:
            return
        pk = before
        yield pk


def _went_well(environment: Environment) -> models.Exists:
    """Whether the content of a release was deployed to `environment` with success, under whatever name."""
    same = {"release__revision": models.OuterRef("revision"), "release__manifest": models.OuterRef("manifest")}
    return models.Exists(environment.deployments.filter(**same, status=Status.SUCCEEDED))


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
