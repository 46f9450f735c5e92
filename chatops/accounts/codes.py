"""Codes of a person's app for one-time codes, where they stand in a command instead of a form."""

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP

from deploy_core.models import Person


def is_right(person: Person, code: str) -> bool | None:
    """Whether `code` is the app's code now and was not used before; None for who has no such app."""
    app = Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()
    return bool(TOTP(app).validate_code(code)) if app else None
