"""What was built, and what lies on which server."""

from django.db import models

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


class Release(models.Model):
    """A revision laid out as `releases/<name>` on an environment's servers; immutable."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="releases")
    name = models.CharField(max_length=80)
    revision = models.CharField(max_length=40)
    ref = models.CharField(max_length=200)
    pipeline = models.TextField()
    manifest = models.ForeignKey(Manifest, on_delete=models.PROTECT, related_name="releases")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("environment", "name"), name="release_once"),)

    def __str__(self) -> str:
        return self.name


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
