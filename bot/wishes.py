"""How a line wants its deployment: forced for a reason, later, or behind somebody's lock."""

from datetime import timedelta

from django.utils import timezone

from deploy_core.rules.times import span
from deploy_core.safety.gates import Wish

from .order import Order


def wish_of(order: Order) -> Wish:
    """
    Raises:
        Refused: a time that is over, or that the clocks leave out or show twice.
    """
    parsed = order.parsed
    because = parsed.reason if parsed.reason.strip(". …") else ""
    at = None
    keyword, _, value = parsed.when.partition(" ")
    if keyword == "at":
        at = order.moment(value)
    elif keyword == "after":
        at = timezone.now() + span(value)
    return Wish(parsed.force, because, parsed.queue, at, order.zone().key, params=parsed.params)


def span_or_none(text: str) -> timedelta | None:
    return span(text) if text else None
