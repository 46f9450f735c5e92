"""How fresh the second step of a session is. Protected environments may want one that was just given, and so does what
outlasts a session: tokens, hooks, links that sign somebody in, a new password, roles, secrets and logins of servers.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.reauthentication import is_reauthentication_required, suspend_request
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.middleware import get_user
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
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


def is_sure(person: Person, session: Mapping[str, Any]) -> bool:
    """Whether this session may change the person's second steps and do what outlasts it: within PROOF_S it gave one, or
    set one up; a recovery code counts, for a device is lost sometimes. Who has none yet may. The password alone is not
    enough: else whoever knows it would put a second step of their own in the place of the owner's.
    """
    since = time.time() - settings.PROOF_S
    is_given = any(each["at"] > since for each in _records(session) if each.get("method") in ("mfa", SET_UP))
    return is_given or not kinds(person)


def where_given(having: Collection[str], onward: str) -> str:
    """The address at which somebody who has `having` gives a second step, and goes `onward` then ("": it adds that)."""
    again = "mfa_reauthenticate_webauthn" if "webauthn" in having else "mfa_reauthenticate"
    return reverse(again, query={"next": onward} if onward else None)


def where_wanted(request: HttpRequest) -> str:
    """The address where the person proves anew who they are, as far as they did not just now; "" when they did: by the
    second step where there is one (`is_sure`), and by it or the password within ACCOUNT_REAUTHENTICATION_TIMEOUT.
    """
    person = cast(Person, request.user)
    if not is_sure(person, request.session):
        return where_given(kinds(person), "")
    if is_reauthentication_required(request, app="shiproom"):
        return str(get_adapter().get_reauthentication_methods(person)[0]["url"])
    return ""


View = Callable[..., HttpResponseBase]


def asked_again(when: Callable[[HttpRequest], bool]) -> Callable[[View], View]:
    """A view of who is signed in; where `when` says so, they prove anew who they are first. What they sent is kept in
    their session until then, and done without being sent again.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def careful(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            asked = wanted(request) if when(request) else None
            return asked or view(request, *args, **kwargs)

        return careful

    return decorate


def wanted(request: HttpRequest) -> HttpResponseBase | None:
    """Where the person is sent to prove anew who they are; None when they did. What they sent is kept in their session
    until then, and done without being sent again.
    """
    where = where_wanted(request)
    return suspend_request(request, where) if where else None


def wanted_first(request: HttpRequest) -> HttpResponseBase | None:
    """Where the person is sent to prove anew who they are, before a page on which a secret is typed; None when they
    did. What was sent too late is dropped and the page shown anew: a secret is kept in no session meanwhile.
    """
    where = where_wanted(request)
    if not where:
        return None
    return redirect(request.path) if request.method == "POST" else suspend_request(request, where)


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
