"""People, and what they may do where."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction

from .names import NAME


class Person(AbstractUser):
    """Someone who speaks in rooms. A service person owns webhooks and tokens and cannot sign in."""

    class Kind(models.TextChoices):
        PERSON = "person"
        SERVICE = "service"

    #: When the session that speaks for this person last gave a second step; no column, and None without a session.
    proven: datetime | None = None

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PERSON)
    language = models.CharField(max_length=16, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Together with what ends when a password is another one (AUTH_PASSWORD_VALIDATORS)."""
        with transaction.atomic():
            super().save(*args, **kwargs)

    def __str__(self) -> str:
        return self.username


class Team(models.Model):
    """People who are given roles together. (A *group* is a set of servers.)"""

    name = models.CharField(max_length=63, unique=True, validators=[NAME])
    people = models.ManyToManyField(Person, related_name="teams", blank=True)

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """One role on one app (null: every app) and one environment name (`*`: every one), for a person or for a team."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="grants")
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
            models.UniqueConstraint(fields=("team", "role", "app", "environment"), name="grant_to_team_once"),
            models.UniqueConstraint(
                fields=("team", "role", "environment"),
                condition=models.Q(app__isnull=True),
                name="grant_to_team_on_all_apps_once",
            ),
            models.CheckConstraint(
                condition=models.Q(person__isnull=True) ^ models.Q(team__isnull=True), name="grant_to_person_or_team"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person or self.team} is {self.role} on {self.app or '*'}/{self.environment}"
