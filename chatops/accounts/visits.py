"""The sessions of a person: written down when they begin, listed, and ended one by one or all but one."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import Signal, receiver
from django.http import HttpRequest
from django.utils import timezone

from chatops import proxy
from chatops.accounts.models import Visit
from deploy_core.models import Person

#: Somebody's session was ended from elsewhere; `key` is the session's, `person_id` whose it was. Open sockets listen.
ended = Signal()


@receiver(user_logged_in)
def remember(sender: Any, request: HttpRequest, user: Person, **kwargs: Any) -> None:
    """Write down from where and with what."""
    if not request.session.session_key:
        request.session.save()
    Visit.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "person": user,
            "address": proxy.client_address(request)[:64],
            "agent": str(request.META.get("HTTP_USER_AGENT", ""))[:200],
        },
    )


def of(person: Person) -> list[Visit]:
    """Those that still last, the newest first; what is over is forgotten here."""
    lasting = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    person.visits.exclude(session_key__in=lasting).delete()
    return list(person.visits.order_by("-began"))


def forget() -> None:
    """Drop the sessions that are over, and the visits that have none any more."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    # One that begins just now has its session in a transaction that is not done yet.
    begun = Visit.objects.filter(began__lt=now - timedelta(seconds=settings.FORGET_S))
    begun.exclude(session_key__in=Session.objects.values("session_key")).delete()


def end(visit: Visit) -> None:
    """The session is no way in any more; sockets that it opened are closed."""
    Session.objects.filter(session_key=visit.session_key).delete()
    visit.delete()
    ended.send(Visit, key=visit.session_key, person_id=visit.person_id)


def end_all(person: Person, *, but: str | None = None) -> int:
    """End every session of `person`, except the one whose key is `but`. How many ended."""
    gone = [visit for visit in of(person) if visit.session_key != but]
    for visit in gone:
        end(visit)
    return len(gone)
