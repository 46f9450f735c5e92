"""How fresh the second step of a session is. Protected environments may want one that was just given."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import Any, cast

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from deploy_core.models import Person

#: Recovery codes lie on paper: they let somebody in, and prove nothing anew.
PROVES = ("totp", "webauthn")
#: How a session notes that a second step was set up in it.
SET_UP = "set_up"


def given(session: Mapping[str, Any]) -> datetime | None:
    """When a code or a passkey was last given in this session."""
    times = [each["at"] for each in _records(session) if each.get("method") == "mfa" and each.get("type") in PROVES]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def kinds(person: Person) -> set[str]:
    """The kinds of second steps that the person has, among those of `PROVES`."""
    return set(Authenticator.objects.filter(user=person, type__in=PROVES).values_list("type", flat=True))


def may_change_steps(person: Person, session: Mapping[str, Any]) -> bool:
    """Whether this session may change the person's second steps: within PROOF_S it gave one, or set one up; a recovery
    code counts, for a device is lost sometimes. Who has none yet may. The password alone is not enough: else whoever
    knows it would put a second step of their own in the place of the owner's.
    """
    since = time.time() - settings.PROOF_S
    is_given = any(each["at"] > since for each in _records(session) if each.get("method") in ("mfa", SET_UP))
    return is_given or not kinds(person)


def where_given(having: Collection[str], onward: str) -> str:
    """The address at which somebody who has `having` gives a second step, and then goes `onward`."""
    again = "mfa_reauthenticate_webauthn" if "webauthn" in having else "mfa_reauthenticate"
    return reverse(again, query={"next": onward})


def _records(session: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = session.get(AUTHENTICATION_METHODS_SESSION_KEY)
    return records if isinstance(records, list) else []


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
