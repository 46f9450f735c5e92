"""`/api/v1/`: a few doors for programs. Each asks a token, makes the line that a person would type, and answers as the
bot does. docs/openapi.json has the form of it all, and a test holds it against this.
"""

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

import bot
from bot import phrases
from bot.invocation import Invocation
from chatops import proxy
from chatops.api import lines, tokens
from chatops.api.lines import Field
from chatops.api.models import Token
from chatops.api.tokens import Scope
from chatops.middleware import RETRY_S
from chatops.room import messages
from chatops.room.guests import Window
from chatops.room.models import Line
from deploy_core.errors import DeployError, Refused
from deploy_core.ledger import audit
from deploy_core.models import Deployment

logger = logging.getLogger(__name__)

MOST_LISTED = 50
_USUAL_LISTED = 10
_KEY = re.compile(r"[\x21-\x7e]{1,60}")
#: The HTTP status of a refusal; whatever is not here stands in the way of a request that was understood: 409.
_STATUS = {
    **dict.fromkeys(("bad_args", "bad_frame", "syntax", "bad_name", "bad_ref", "too_long", "bad_text"), 400),
    **dict.fromkeys(("reason_required", "env_required", "app_required", "id_required"), 400),
    "auth": 401,
    **dict.fromkeys(
        ("no_permission", "forbidden", "token_scope", "token_not_bound", "self_approval", "service_approval"), 403
    ),
    **dict.fromkeys(("not_found", "unknown_app", "unknown_env", "unknown_server", "unknown_task"), 404),
    "rate_limited": 429,
    "internal": 500,
}


class Asked(NamedTuple):
    """A request that carries a good token."""

    request: HttpRequest
    token: Token

    def query(self, name: str) -> str:
        return str(self.request.GET.get(name, ""))


Handle = Callable[..., tuple[int, dict[str, Any]]]


class Route(NamedTuple):
    """One thing that may be asked: the scope it needs, the members of its body, and what answers it."""

    scope: Scope
    handle: Handle
    body: Mapping[str, Field] | None = None


class Door(View):
    """An address with its methods. Anything that goes wrong is `{"error": {code, text, params, suggest}}`."""

    routes: Mapping[str, Route] = {}

    def dispatch(self, request: HttpRequest, **place: Any) -> JsonResponse:
        """The answer of the route for the request's method."""
        try:
            return self._admit(request, place)
        except OperationalError as error:
            logger.error("a request of the API found the database unable: %s", error)
            answer = JsonResponse(_error("unavailable"), status=503)
            answer["Retry-After"] = str(RETRY_S)
            return answer

    def _admit(self, request: HttpRequest, place: Mapping[str, Any]) -> JsonResponse:
        route = self.routes.get(request.method or "")
        if route is None:
            answer = JsonResponse(_error("method"), status=405)
            answer["Allow"] = ", ".join(self.routes)
            return answer
        token = tokens.found(_bearer(request))
        if token is None:
            _record(request, None, "auth")
            answer = JsonResponse(_error("auth"), status=401)
            answer["WWW-Authenticate"] = "Bearer"
            return answer
        if wait_s := tokens.count(token):
            answer = JsonResponse(_error("rate_limited"), status=429)
            answer["Retry-After"] = str(wait_s)
            return answer
        try:
            status, found = self._answer(route, Asked(request, token), place)
        except DeployError as error:
            if error.code == "token_scope":  # the bot, which keeps every refusal, never heard of it
                _record(request, token, error.code)
            return JsonResponse(_error(error.code, error.params, error.suggest), status=_STATUS.get(error.code, 409))
        return JsonResponse(found, status=status)

    def _answer(self, route: Route, asked: Asked, place: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if route.scope not in asked.token.scopes:
            raise Refused("token_scope", scope=route.scope)
        if route.body is None:
            return route.handle(asked, **place)
        return route.handle(asked, **place, body=lines.checked(_body(asked.request), route.body))


def _deploy(asked: Asked, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    line = lines.deploy(body)
    _require_place(asked.token, body["app"], body["environment"])
    return _post(asked, line)


def _approve(asked: Asked, number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    _require_deployment(asked.token, number)
    return _post(asked, lines.approve(number, body))


def _reject(asked: Asked, number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    _require_deployment(asked.token, number)
    return _post(asked, lines.reject(number, body))


def _cancel(asked: Asked, number: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    _require_deployment(asked.token, number)
    return _post(asked, lines.cancel(number, body))


def _show(asked: Asked, number: int) -> tuple[int, dict[str, Any]]:
    _require_deployment(asked.token, number)
    _look(asked, f"/status #{number}")
    return 200, {"deployment": _told(Deployment.objects.select_related("app", "environment").get(pk=number))}


def _status(asked: Asked) -> tuple[int, dict[str, Any]]:
    app, environment = _place_of(asked)
    return 200, {"reply": _look(asked, lines.status(app, environment))}


def _history(asked: Asked) -> tuple[int, dict[str, Any]]:
    app, environment = _place_of(asked)
    limit = asked.query("limit") or str(_USUAL_LISTED)
    if not re.fullmatch(r"[1-9][0-9]?", limit) or int(limit) > MOST_LISTED:
        raise Refused("bad_args", field="limit")
    if not app:
        raise Refused("bad_args", field="app")
    reply = _look(asked, lines.history(app, environment, int(limit)))
    rows = reply["params"].get("table", {}).get("rows", [])
    found = Deployment.objects.filter(pk__in=[row[0]["deployment"] for row in rows])
    listed = found.select_related("app", "environment", "requested_by").order_by("-pk")
    return 200, {"deployments": [_told(each) for each in listed]}


def _post(asked: Asked, line: str) -> tuple[int, dict[str, Any]]:
    """Say the line for good: 202 when a deployment began, 200 when it was done, else the refusal."""
    key = asked.request.headers.get("Idempotency-Key", "") or uuid.uuid4().hex
    if not _KEY.fullmatch(key):
        raise Refused("bad_args", field="Idempotency-Key")
    author, client_id = asked.token.person, f"api:{asked.token.pk}:{key}"
    place = tokens.place_of(asked.token)
    outcome = messages.post(author=author, room=None, text=line, client_id=client_id, surface="api", bound_to=place)
    if outcome.get("dup") and Line.objects.get(author=author, client_id=client_id).text != bot.mask(line).text:
        raise Refused("key_reused")
    reply = outcome["reply"] or {}
    if outcome["result"] == "error":
        raise Refused(reply["code"], suggest=reply["suggest"], **reply["params"])
    answer: dict[str, Any] = {"reply": _words(reply["code"], reply["params"], reply["suggest"])}
    answer |= {"deployment": outcome["deployment"], "dup": bool(outcome.get("dup"))}
    return (202 if outcome["result"] == "accepted" else 200), answer


def _look(asked: Asked, line: str) -> dict[str, Any]:
    """What the bot says to a line that changes nothing."""
    reply = bot.handle(Invocation(line, asked.token.person, "api"))
    if reply.is_error:
        raise Refused(reply.code, suggest=reply.suggest, **reply.params)
    return _words(reply.code, reply.params, reply.suggest)


def _place_of(asked: Asked) -> tuple[str, str]:
    """The app and environment of the query; what the token is bound to where nothing is said."""
    bound = asked.token.app.name if asked.token.app else ""
    app, environment = asked.query("app") or bound, asked.query("environment") or asked.token.environment
    _require_place(asked.token, app, environment)
    return app, environment


def _require_place(token: Token, app: str, environment: str) -> None:
    """
    Raises:
        Refused: `token_scope`: the token is bound to another app or environment.
    """
    if (token.app and token.app.name != app) or (token.environment and token.environment != environment):
        raise Refused("token_scope", scope=f"{token.app.name if token.app else '*'}/{token.environment or '*'}")


def _require_deployment(token: Token, number: int) -> None:
    """
    Raises:
        Refused: `not_found`: there is none, or it is not of what the token is bound to. Rights are the bot's business.
    """
    found = Deployment.objects.filter(pk=number) if number < 2**63 else Deployment.objects.none()
    if token.app:
        found = found.filter(app=token.app)
    if token.environment:
        found = found.filter(environment__name=token.environment)
    if not found.exists():
        raise Refused("not_found")


def _told(deployment: Deployment) -> dict[str, Any]:
    return {
        "number": deployment.pk,
        "app": deployment.app.name,
        "environment": deployment.environment.name,
        "kind": deployment.kind,
        "ref": deployment.ref,
        "revision": deployment.revision,
        "status": deployment.status,
        "reason": deployment.reason,
        "requested_by": deployment.requested_by.username,
        "surface": deployment.surface,
        "created": deployment.created.isoformat(),
        "started": deployment.started.isoformat() if deployment.started else None,
        "finished": deployment.finished.isoformat() if deployment.finished else None,
    }


def _words(code: str, params: Mapping[str, Any], suggest: Any) -> dict[str, Any]:
    text = phrases.render_text(code, params)
    return {"code": code, "text": text, "params": dict(params), "suggest": list(suggest)}


def _error(code: str, params: Mapping[str, Any] | None = None, suggest: Any = ()) -> dict[str, Any]:
    return {"error": _words(code, params or {}, suggest)}


def _bearer(request: HttpRequest) -> str:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _body(request: HttpRequest) -> object:
    try:
        return json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise Refused("bad_frame") from None


@cache
def _kept() -> Window:
    """Whoever guesses tokens, or what one is good for, fills no audit log."""
    return Window(settings.API_REFUSALS_KEPT, 60)


def _record(request: HttpRequest, token: Token | None, outcome: str) -> None:
    if not _kept().take():
        told = {"token": token.name} if token else {}
        person, address = token.person if token else None, proxy.client_address(request)
        audit.record(person, "api.request", request.path[:200], outcome, address=address, **told)


#: What may be asked where, by the path below /api/v1/.
DOORS: dict[str, dict[str, Route]] = {
    "deployments": {"GET": Route("history", _history), "POST": Route("deploy", _deploy, lines.DEPLOY)},
    "deployments/<int:number>": {"GET": Route("status", _show)},
    "deployments/<int:number>/approve": {"POST": Route("approve", _approve, lines.APPROVE)},
    "deployments/<int:number>/reject": {"POST": Route("approve", _reject, lines.REJECT)},
    "deployments/<int:number>/cancel": {"POST": Route("cancel", _cancel, lines.CANCEL)},
    "status": {"GET": Route("status", _status)},
}


def door(path: str) -> Callable[..., Any]:
    """The view of one of `DOORS`."""
    view: Callable[..., Any] = csrf_exempt(never_cache(Door.as_view(routes=DOORS[path])))
    return view
