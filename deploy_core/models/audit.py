"""The audit chain: who did, or was refused, what."""

from django.db import models

from .people import Person


class AuditEntry(models.Model):
    """One act. `hash` covers this row and `previous_hash`, so an edit or a removal breaks the chain."""

    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class AuditAnchor(models.Model):
    """A head of the chain that was written down outside this database too, signed with the key ring."""

    number = models.PositiveBigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    signature = models.CharField(max_length=120)
    at = models.DateTimeField()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"anchor at {self.number}"
