"""How fresh the second step of a session is. Protected environments may want one that was just given."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import Any, cast

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from deploy_core.models import Person

#: Recovery codes lie on paper: they let somebody in, and prove nothing anew.
PROVES = ("totp", "webauthn")


def given(session: Mapping[str, Any]) -> datetime | None:
    """When a code or a passkey was last given in this session."""
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY)
    if not isinstance(records, list):
        return None
    times = [each["at"] for each in records if each.get("method") == "mfa" and each.get("type") in PROVES]
    return datetime.fromtimestamp(max(times), UTC) if times else None


@sync_and_async_middleware
def person_with_proof(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """`request.user.proven` says when this session last gave a second step; the user is still read when first asked."""

    def attach(request: HttpRequest) -> None:
        request.user = cast(Any, SimpleLazyObject(lambda: _with_proof(request)))

    async def in_a_loop(request: HttpRequest) -> HttpResponseBase:
        attach(request)
        return await cast("Awaitable[HttpResponseBase]", get_response(request))

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        attach(request)
        return cast(HttpResponseBase, get_response(request))

    return in_a_loop if iscoroutinefunction(get_response) else in_a_thread


def _with_proof(request: HttpRequest) -> Any:
    person = get_user(request)
    if isinstance(person, Person):
        person.proven = given(request.session)
    return person
