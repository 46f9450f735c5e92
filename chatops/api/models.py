"""Tokens of the HTTP API."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deploy_core.models import App, Person

#: What a token may be good for, and how people read it.
SCOPE_NAMES: dict[str, Promise] = {
    "deploy": _("Deploy"),
    "status": _("See how it stands"),
    "approve": _("Approve and reject"),
    "cancel": _("Stop"),
    "history": _("See what was deployed"),
}


class Token(models.Model):
    """What a program shows to act as a person, within `scopes` and, if named, one app and one environment's name.

    Only `digest`, the SHA-256 of the token, is kept; `beginning` lets people tell tokens apart. `window` and `used`
    count requests for the rate limit.
    """

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=63)
    digest = models.CharField(max_length=64, unique=True)
    beginning = models.CharField(max_length=12)
    scopes = models.JSONField(default=list)
    app = models.ForeignKey(App, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens")
    environment = models.CharField(max_length=63, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    window = models.PositiveBigIntegerField(default=0)
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("person", "name"), name="token_name_once"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.person}"

    @property
    def may(self) -> list[Promise]:
        """What it is good for, in words."""
        return [SCOPE_NAMES[scope] for scope in self.scopes]
