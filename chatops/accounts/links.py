"""One-time sign-in links: made for a person, looked at any number of times, used once."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from chatops.accounts.models import SignInLink
from deploy_core.models import Person


def issue(person: Person, *, lifetime: timedelta | None = None) -> str:
    """A fresh token for `person`, good for `lifetime` (default: the setting SIGN_IN_LINK_S). It is stored nowhere."""
    now = timezone.now()
    SignInLink.objects.filter(expires__lt=now).delete()
    token = secrets.token_urlsafe(32)
    lifetime = lifetime or timedelta(seconds=settings.SIGN_IN_LINK_S)
    SignInLink.objects.create(person=person, digest=_digest(token), expires=now + lifetime)
    return token


def address(token: str) -> str:
    """The absolute address that a person opens."""
    return f"{settings.PUBLIC_URL}{reverse('link', args=[token])}"


def find(token: str) -> Person | None:
    """Whom `token` would sign in now; looking does not use it up."""
    link = _usable(token).select_related("person").first()
    return link.person if link else None


def redeem(token: str) -> Person | None:
    """Use `token` up and return its person; None when it is unknown, used, too old, or its person may not sign in."""
    link = _usable(token).select_related("person").first()
    if link is None or not _usable(token).update(used=timezone.now()):
        return None  # the update counts: of two people with the same link, one gets in
    return link.person


def _usable(token: str) -> QuerySet[SignInLink]:
    return SignInLink.objects.filter(
        digest=_digest(token),
        used__isnull=True,
        expires__gt=timezone.now(),
        person__is_active=True,
        person__kind=Person.Kind.PERSON,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
