"""What signing in keeps besides Django's and allauth's own tables."""

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


class Visit(models.Model):
    """A session somebody opened: from where and with what, so that its owner knows it again in the list."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visits")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    began = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"visit of {self.person}"


class Remembered(models.Model):
    """One entry of the memory that processes share (chatops/accounts/memory.py): `value` is JSON."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"remembered until {self.expires}"
