"""What others say about a commit: statuses and check runs where the repository is hosted."""

from django.db import models

from .fleet import App


class Forge(models.Model):
    """How an app's repository is spoken with where it is hosted (GitHub). `sealed` is a token of its API.

    `api_url` empty: made from the repository's address. With `writes` deployments and their statuses are told there.
    """

    app = models.OneToOneField(App, on_delete=models.CASCADE, related_name="forge")
    api_url = models.CharField(max_length=300, blank=True)
    sealed = models.TextField(blank=True)
    writes = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"forge of {self.app}"


class CommitCheck(models.Model):
    """The newest word of one check about one revision, as it was last asked for."""

    class State(models.TextChoices):
        PENDING = "pending"
        GREEN = "green"
        RED = "red"

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="checks")
    revision = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices)
    url = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "revision", "name"), name="commit_check_once"),)

    def __str__(self) -> str:
        return f"{self.name} is {self.state} on {self.revision[:7]}"


class CheckLook(models.Model):
    """When the checks of a revision were last asked for, and what was in the way: a code of the phrases, or empty."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+")
    revision = models.CharField(max_length=40)
    at = models.DateTimeField()
    trouble = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("app", "revision"), name="check_look_once"),)

    def __str__(self) -> str:
        return f"{self.app} {self.revision[:7]} at {self.at}"
