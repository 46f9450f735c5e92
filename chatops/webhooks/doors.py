"""`/hooks/<provider>/<app>/`: where GitHub and GitLab knock. What no hook signed is 401, also where there is none."""

import json
import logging
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from chatops import proxy
from chatops.room.guests import Window
from chatops.webhooks import incoming
from chatops.webhooks.incoming import Knock
from deploy_core.errors import DeployError
from deploy_core.ledger import audit

logger = logging.getLogger(__name__)

#: Where each provider writes the event, the delivery's id, and the proof of who sent it; the first header there is.
#: GitLab's `Idempotency-Key` (17.4) stays the same when a delivery is sent again; older ones have the event's id alone.
_HEADERS = {
    "github": (("X-GitHub-Event",), ("X-GitHub-Delivery",), ("X-Hub-Signature-256",)),
    "gitlab": (("X-Gitlab-Event",), ("Idempotency-Key", "X-Gitlab-Event-UUID"), ("X-Gitlab-Token",)),
}


@require_POST
@never_cache
@csrf_exempt
def knock(request: HttpRequest, provider: str, app: str) -> JsonResponse:
    """200 and what came of it; 401 for what no hook of the app can have sent; 400 for what is no delivery."""
    if provider not in _HEADERS:
        return JsonResponse({"error": "not_found"}, status=404)
    heard = Knock(*(_first(request, names) for names in _HEADERS[provider]))
    hook = incoming.hook_of(provider, app)
    try:
        if hook is None or not incoming.is_genuine(hook, heard, request.body):
            _record(request, f"{provider}/{app}"[:200])
            return JsonResponse({"error": "bad_signature"}, status=401)
        payload = _payload(request)
        if payload is None or not heard.event:
            return JsonResponse({"error": "bad_frame"}, status=400)
        return JsonResponse(incoming.take(hook, heard, request.body, payload))
    except DeployError as error:  # the secret does not open
        logger.error("a delivery to %s/%s was not taken: %s", provider, app, error)
        return JsonResponse({"error": error.code}, status=503)


def _first(request: HttpRequest, names: tuple[str, ...]) -> str:
    return next((request.headers[name] for name in names if name in request.headers), "")


def _payload(request: HttpRequest) -> dict[str, Any] | None:
    """The body as an object: JSON, or as GitHub sends it in a form's field `payload`."""
    try:
        text = request.body.decode()
        if request.content_type == "application/x-www-form-urlencoded":
            text = parse_qs(text).get("payload", [""])[0]
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@cache
def _kept() -> Window:
    """Whoever forges many deliveries fills no audit log."""
    return Window(settings.HOOK_REFUSALS_KEPT, 60)


def _record(request: HttpRequest, target: str) -> None:
    if not _kept().take():
        audit.record(None, "hook.knock", target, "bad_signature", address=proxy.client_address(request))
    logger.warning("a delivery to %s was not signed by its hook", target)
