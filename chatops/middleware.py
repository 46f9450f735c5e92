"""The Content-Security-Policy header, until Django's own middleware (6.0) reads the same setting."""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Get = Callable[[HttpRequest], Any]


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
