"""The one table of signing in that is not Django's own."""

from django.conf import settings
from django.db import models


class SignInLink(models.Model):
    """A link that signs one person in, once. Only its token's SHA-256 is kept: a copy of this table opens nothing."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.person}"
