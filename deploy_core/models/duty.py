"""Who is on call: asked by `/oncall`, called by `@oncall`, shown on the wall."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from .fleet import App
from .people import Person


class DutyQuerySet(models.QuerySet["Duty"]):
    """Duties at a moment."""

    def at(self, moment: datetime) -> "DutyQuerySet":
        """Those that hold at `moment`, of people who are still here, the newest first."""
        begun = self.filter(starts__lte=moment, person__is_active=True)
        return begun.filter(Q(ends__isnull=True) | Q(ends__gt=moment)).select_related("person", "app").order_by("-pk")


class Duty(models.Model):
    """A person is on call for an app (null: for every app that has nobody of its own) until `ends`, if it is known."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="duties")
    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="duties")
    starts = models.DateTimeField()
    ends = models.DateTimeField(null=True, blank=True)
    set_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = DutyQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("ends",), name="duty_by_end"),)

    def __str__(self) -> str:
        return f"{self.person} for {self.app or '*'}"
