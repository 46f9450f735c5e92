"""Who is who: a Slack user becomes a person by a link that works once, opened by that person signed in."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from chatops.slack.models import Identity, Ticket, Workspace
from deploy_core.ledger import audit
from deploy_core.models import Person, sequence


def issue(workspace: Workspace, user: str) -> str:
    """The address of a fresh link for a Slack user, whose older ones die with it. Its token is kept nowhere."""
    now = timezone.now()
    Ticket.objects.filter(workspace=workspace, user=user, used__isnull=True).delete()
    Ticket.objects.filter(expires__lt=now - timedelta(days=1)).delete()
    token = secrets.token_urlsafe(32)
    expires = now + timedelta(seconds=settings.SLACK_LINK_S)
    Ticket.objects.create(workspace=workspace, user=user, digest=digest(token), expires=expires)
    return f"{settings.PUBLIC_URL}{reverse('slack-link', args=[token])}"


def find(token: str) -> Ticket | None:
    """Whom a link would tie now; looking does not use it up."""
    return _usable(token).select_related("workspace").first()


@transaction.atomic
def redeem(token: str, person: Person) -> Identity | None:
    """Use a link up and tie its Slack user to `person`; None when it is unknown, used or too old."""
    ticket = find(token)
    if ticket is None or not _usable(token).update(used=timezone.now()):
        return None  # the update counts: of two people with the same link, one gets it
    heard = sequence.StreamHead.objects.filter(kind="person", stream_id=person.pk).values_list("number", flat=True)
    identity, _ = Identity.objects.update_or_create(
        workspace=ticket.workspace,
        user=ticket.user,
        defaults={"person": person, "number": heard.first() or 0},
    )
    audit.record(person, "slack.link", f"{ticket.workspace.team}/{ticket.user}", "done")
    return identity


@transaction.atomic
def untie(identity: Identity, why: str) -> None:
    """The Slack user is nobody here any more."""
    audit.record(identity.person, "slack.unlink", f"{identity.workspace.team}/{identity.user}", why)
    Identity.objects.filter(pk=identity.pk).delete()


def _usable(token: str) -> QuerySet[Ticket]:
    return Ticket.objects.filter(
        digest=digest(token), used__isnull=True, expires__gt=timezone.now(), workspace__removed__isnull=True
    )


def digest(token: str) -> str:
    """What is kept of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()
