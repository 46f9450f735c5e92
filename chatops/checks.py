"""What `manage.py` says about this installation before it runs anything."""

import importlib.util
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from chatops import assets


@register("shiproom")
def graph_library(**kwargs: Any) -> list[CheckMessage]:
    """Pages work without go.js: they show the list of steps."""
    if assets.has_go_js():
        return []
    return [
        Warning(
            "static/vendor/go.js is not there (or not the pinned version): pages show no status graph.",
            hint="Run `make setup`, or `manage.py assets` where npm is.",
            id="shiproom.W001",
        )
    ]


@register("shiproom")
def key_file(**kwargs: Any) -> list[CheckMessage]:
    """Who gets a copy of the data folder, a backup say, must not get the keys to its secrets with it."""
    path = Path(settings.SHIPROOM_KEY_FILE).resolve()
    if not settings.IS_PRODUCTION or not path.is_relative_to(settings.SHIPROOM_DATA):
        return []
    return [
        Error(
            f"The key file {path} lies inside the data folder.",
            hint="Set SHIPROOM_KEY_FILE to a path outside SHIPROOM_DATA, on a disk with its own backup.",
            id="shiproom.E001",
        )
    ]


@register("shiproom")
def cookies_in_clear(**kwargs: Any) -> list[CheckMessage]:
    """http is for this machine only."""
    if is_safe_to_bind(settings.BIND):
        return []
    return [
        Error(
            f"BIND={settings.BIND} is open to the network, but PUBLIC_URL is {settings.PUBLIC_URL}:"
            " passwords and cookies would travel in clear.",
            hint="Put a proxy that speaks TLS in front and set PUBLIC_URL to its https address.",
            id="shiproom.E002",
        )
    ]


@register("shiproom")
def debugging_in_public(**kwargs: Any) -> list[CheckMessage]:
    """DEBUG shows settings and source to whoever makes an error happen."""
    if not (settings.IS_PRODUCTION and settings.DEBUG):
        return []
    return [Error("DEBUG is on at a public address.", hint="Unset DEBUG.", id="shiproom.E003")]


@register("shiproom")
def directory_library(**kwargs: Any) -> list[CheckMessage]:
    """Signing in against a directory needs a library that is not installed by itself."""
    if not settings.LDAP_URL or importlib.util.find_spec("django_auth_ldap") is not None:
        return []
    return [
        Error(
            "SHIPROOM_LDAP_URL is set, but django-auth-ldap is not installed.",
            hint="apt install libldap-dev libsasl2-dev, then pip install django-auth-ldap into .venv.",
            id="shiproom.E004",
        )
    ]


def is_safe_to_bind(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine, or comes from a proxy that speaks TLS."""
    return settings.IS_PRODUCTION or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
