"""How often somebody may guess: django-axes counts failures per name and address, and this adds a count per address."""

from datetime import timedelta

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest


class Handler(AxesDatabaseHandler):
    """The tight limit is for one name from one address; the looser one stops guessing many names from one address."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, str] | None = None) -> bool:
        """Whether this try is refused before any password is compared."""
        if super().is_locked(request, credentials):
            return True
        return bool(_failures_from(request) >= settings.SIGN_IN_FAILURES_PER_ADDRESS)


def cool_off(request: HttpRequest | None) -> timedelta:
    """How long failures count."""
    return timedelta(seconds=settings.SIGN_IN_COOL_OFF_S)


def tries_left(request: HttpRequest) -> int:
    """How many more tries this name has from this address, right after a failed one."""
    failed: int = getattr(request, "axes_failures_since_start", None) or 0
    return int(max(0, settings.AXES_FAILURE_LIMIT - failed))


def _failures_from(request: HttpRequest) -> int:
    attempts = AccessAttempt.objects.filter(
        ip_address=getattr(request, "axes_ip_address", None), attempt_time__gte=get_cool_off_threshold(request)
    )
    return int(attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0)
