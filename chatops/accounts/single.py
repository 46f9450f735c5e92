"""The single sign-on's two doors: away to the provider, and back from it. What it gets wrong is said, not raised."""

import logging
from typing import Any

from allauth.socialaccount.providers.openid_connect import views as single
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

logger = logging.getLogger(__name__)


def away(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider (POST), or the button that leads there."""
    return _spared(single.login, request, provider_id)


def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """With the provider's word about somebody."""
    return _spared(single.callback, request, provider_id)


def _spared(door: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        return door(request, provider_id)  # type: ignore[no-any-return]
    except (RequestException, LookupError, ValueError, TypeError) as error:
        logger.warning("the single sign-on %s failed: %s", provider_id, type(error).__name__)
        return render(request, "accounts/closed.html", {"is_provider": True}, status=403)
