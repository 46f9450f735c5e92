"""Who asks, when a proxy asks for them."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address of the browser, "" when unknown.

    A proxy that is trusted (on this machine, or named in SHIPROOM_PROXIES) appends whom it speaks for to
    X-Forwarded-For; what stands before that is what the client itself claims.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    if settings.IS_PRODUCTION and _is_proxy(peer) and _is_address(forwarded):
        return forwarded
    return peer


def _is_proxy(peer: str) -> bool:
    return peer in settings.PROXIES or (_is_address(peer) and ip_address(peer).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
