"""Signing in, as the pages want it on which secrets are typed."""

from django.core.cache import cache
from django.test import Client

from deploy_core.models import Person


def sign_in(client: Client, person: Person) -> None:
    """Sign in, and say the password once more."""
    cache.clear()  # how often somebody said it is counted there
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/accounts/again/", {"password": "correct horse"})
