"""People, and what they may do where."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Someone who speaks in rooms. A service person owns webhooks and tokens and cannot sign in."""

    class Kind(models.TextChoices):
        PERSON = "person"
        SERVICE = "service"

    #: When the session that speaks for this person last gave a second step. No column: doors without a session leave it.
    proven: datetime | None = None

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PERSON)
    language = models.CharField(max_length=16, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.username


class Grant(models.Model):
    """One role for one person, on one app (null: every app) and one environment name (`*`: every environment)."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=16)
    app = models.ForeignKey("deploy_core.App", on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
    environment = models.CharField(max_length=64, default="*")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("person", "role", "app", "environment"), name="grant_once"),
            models.UniqueConstraint(
                fields=("person", "role", "environment"),
                condition=models.Q(app__isnull=True),
                name="grant_on_all_apps_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} is {self.role} on {self.app or '*'}/{self.environment}"
