"""The door that Slack knocks at: POST `/slack/events`, for commands, presses, forms and events alike."""

import logging
import time

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from chatops.slack import guard

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Let in what Slack signed just now, and answer as Bolt says. What is turned away is counted, and not read."""
    if not settings.SLACK_SIGNING_SECRET:
        raise Http404
    began = getattr(request, "scope", {}).get("shiproom.began", time.monotonic())
    try:
        text = guard.check(request.body, request.headers)
    except guard.Turned as turned:
        guard.tally.count(turned.why)
        return HttpResponse(status=turned.status)
    return _dispatched(text, request, began)


def _dispatched(text: str, request: HttpRequest, began: float) -> HttpResponse:
    # Bolt takes a moment to be imported, and an installation without Slack never needs it.
    from slack_bolt import BoltRequest

    from chatops.slack import listeners

    try:
        asked = BoltRequest(body=text, headers=dict(request.headers), context={"began": began})
        answered = listeners.app().dispatch(asked)
    except DatabaseError:
        raise
    except Exception as error:  # Bolt takes what is signed for well-formed
        logger.warning("a signed request of Slack makes no sense: %s", type(error).__name__)
        return HttpResponse(status=400)
    # What a listener does is caught there; what it trips over before is in the request.
    response = HttpResponse(answered.body.encode(), status=400 if answered.status == 500 else answered.status)
    for name, value in answered.first_headers_without_set_cookie().items():
        response[name] = value
    return response
