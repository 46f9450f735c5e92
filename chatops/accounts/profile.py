"""What a person's browser says about them, kept at the first sign-in and left alone afterwards.

The pages that lead in put the browser's time zone into a cookie (static/js/sign_in.js): it is there whichever way
somebody takes, also by way of another site.
"""

from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language_from_request

from deploy_core.models import Person

YEAR_S = 365 * 24 * 3600
ZONE_COOKIE = "time_zone"


def remember_browser(person: Person, request: HttpRequest, response: HttpResponse) -> None:
    """Fill in the time zone and the language where the profile has none; give `response` the profile's language."""
    zone = request.COOKIES.get(ZONE_COOKIE, "")
    if not person.time_zone and is_zone(zone):
        person.time_zone = zone
    if not person.language:
        person.language = get_language_from_request(request)
    person.save(update_fields=["time_zone", "language"])
    speak(person.language, response)


def speak(language: str, response: HttpResponse) -> None:
    """Make this browser's next pages come in `language`."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=YEAR_S,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def zones() -> list[str]:
    """Every time zone's name."""
    return sorted(available_timezones())


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone of the IANA database, such as Europe/Berlin."""
    if not name or len(name) > 64:
        return False
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # not a key at all; a folder's name; unknown
        return False
    return True
