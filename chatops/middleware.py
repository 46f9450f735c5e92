"""Around every page: what no database can look for is turned away, a database that is away is said to be, and the
Content-Security-Policy is sent.

The policy until Django's own middleware (6.0) reads the same setting.
"""

import logging
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from itertools import chain
from typing import Any, cast

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.decorators import sync_and_async_middleware
from django.utils.deprecation import MiddlewareMixin

Get = Callable[[HttpRequest], Any]
NUL = "\x00"
#: When to come again to a database that is away.
RETRY_S = 5

logger = logging.getLogger(__name__)


@sync_and_async_middleware
def no_nul(get_response: Get) -> Get:
    """Answer 404 to an address that holds NUL, 400 to a query or a cookie that does: Postgres fails on it, and no page
    or person of ours writes one."""

    def refusal(request: HttpRequest) -> HttpResponseBase | None:
        if NUL in request.path_info:
            return HttpResponseNotFound()
        if any(NUL in text for text in (*request.GET, *chain(*map(request.GET.getlist, request.GET)))):
            return HttpResponseBadRequest()
        return HttpResponseBadRequest() if any(NUL in text for text in request.COOKIES.values()) else None

    async def in_a_loop(request: HttpRequest) -> HttpResponseBase:
        return refusal(request) or await cast("Awaitable[HttpResponseBase]", get_response(request))

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        return refusal(request) or cast(HttpResponseBase, get_response(request))

    return in_a_loop if iscoroutinefunction(get_response) else in_a_thread


@sync_and_async_middleware
def content_security_policy(get_response: Get) -> Get:
    """Send `settings.SECURE_CSP` with every response that does not bring a policy of its own."""
    policy = "; ".join(" ".join((directive, *sources)) for directive, sources in settings.SECURE_CSP.items())

    def with_policy(response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    async def in_a_loop(request: HttpRequest) -> HttpResponseBase:
        return with_policy(await cast("Awaitable[HttpResponseBase]", get_response(request)))

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        return with_policy(get_response(request))

    return in_a_loop if iscoroutinefunction(get_response) else in_a_thread


class Unavailable(MiddlewareMixin):
    """Answer 503, and when to come again, where the database is away, held or full: nothing was done then."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer; None for any other fault."""
        if not isinstance(exception, OperationalError):
            return None
        logger.error("%s found the database unable: %s", request.path, exception)
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": str(RETRY_S)})
