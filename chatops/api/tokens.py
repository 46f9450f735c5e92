"""Tokens: made once, shown once, kept as a hash, and asked about at every request."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chatops.api.models import Token
from deploy_core.ledger import audit
from deploy_core.models import App, Person
from deploy_core.safety import access

Scope = Literal["deploy", "status", "approve", "cancel", "history"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
#: What scanners of repositories and chats look for.
PREFIX = "shiproom_"


def issue(
    person: Person,
    name: str,
    *,
    scopes: Sequence[str],
    days: int,
    by: Person | None,
    app: App | None = None,
    environment: str = "",
) -> tuple[Token, str]:
    """A new token of `person` and the text that is shown now and never again.

    A page's button that is pressed twice makes one token: nobody saw the first text, so the second takes its place.

    Raises:
        ValidationError: no such scope or none, no name or one that is taken, too short or too long a time.
        IntegrityError: another one of that name was made at the same time.
    """
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValidationError(_("Choose at least one of: %(scopes)s."), params={"scopes": ", ".join(SCOPES)})
    if not 1 <= days <= settings.TOKEN_MOST_DAYS:
        raise ValidationError(
            _("A token lives from one day to %(days)s days."), params={"days": settings.TOKEN_MOST_DAYS}
        )
    text = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        person=person,
        name=name.strip(),
        digest=digest(text),
        beginning=text[: len(PREFIX) + 3],
        scopes=[scope for scope in SCOPES if scope in scopes],
        app=app,
        environment=environment,
        created_by=by,
        expires=timezone.now() + timedelta(days=days),
    )
    if first := _of_the_same_press(token):
        Token.objects.filter(pk=first.pk).update(digest=token.digest, beginning=token.beginning)
        return Token.objects.get(pk=first.pk), text
    token.full_clean()
    token.save()
    told = {"person": person.username, "scopes": token.scopes, "days": days, "app": app.name if app else ""}
    audit.record(by, "token.add", token.name, "done", **told, environment=environment)
    return token, text


def _of_the_same_press(token: Token) -> Token | None:
    """The token that the first press of two made, unless somebody has used it."""
    just_now = timezone.now() - timedelta(seconds=settings.PRESSED_TWICE_S)
    known = Token.objects.filter(person=token.person, name=token.name, created__gt=just_now)
    fresh = known.filter(created_by=token.created_by, last_used__isnull=True, revoked__isnull=True)
    first = fresh.filter(app=token.app, environment=token.environment).first() if token.created_by else None
    return first if first and first.scopes == token.scopes else None


@transaction.atomic
def revoke(token: Token, *, by: Person | None) -> None:
    """From now on the token is no good; the row stays, to tell who had what."""
    if Token.objects.filter(pk=token.pk, revoked__isnull=True).update(revoked=timezone.now()):
        audit.record(by, "token.revoke", token.name, "done", person=token.person.username)


def found(text: str) -> Token | None:
    """The token that `text` is, if it is good now and its person is active."""
    if not text.startswith(PREFIX) or not text.isascii() or len(text) > 100:
        return None
    good = Token.objects.filter(digest=digest(text), revoked__isnull=True, expires__gt=timezone.now())
    return good.filter(person__is_active=True).select_related("person", "app", "created_by").first()


def place_of(token: Token) -> str:
    """`shop/production`, where a token is bound to both and whoever made it manages them (or has the shell)."""
    if token.app is None or not token.environment:
        return ""
    app, environment, maker = token.app.name, token.environment, token.created_by
    return f"{app}/{environment}" if maker is None or access.can(maker, "manage", app, environment) else ""


def count(token: Token) -> int:
    """Count one request; 0, or the seconds until the next one is taken."""
    now = timezone.now()
    window = int(now.timestamp() // settings.API_RATE_WINDOW_S)
    mine = Token.objects.filter(pk=token.pk)
    if not mine.filter(window=window).update(used=F("used") + 1, last_used=now):
        mine.update(window=window, used=1, last_used=now)
    if mine.values_list("used", flat=True).get() <= settings.API_RATE:
        return 0
    return int((window + 1) * settings.API_RATE_WINDOW_S - now.timestamp()) + 1


def digest(text: str) -> str:
    """What is kept of a token. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()
