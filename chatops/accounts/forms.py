"""The sign-in form, and a field for a time zone."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chatops.accounts import throttle
from chatops.accounts.profile import is_zone
from deploy_core.models import Person


class ZoneField(forms.CharField):
    """The name of a time zone; its page has a list of them all with the id `zones`."""

    def __init__(self, **kwargs: Any) -> None:
        told = {"label": _("Time zone"), "help_text": _("Like Europe/Berlin or Asia/Shanghai.")}
        super().__init__(max_length=64, **told | kwargs)
        self.widget.attrs |= {"list": "zones", "autocomplete": "off"}

    def validate(self, value: str) -> None:
        """Refuse what the IANA database does not have."""
        super().validate(value)
        if value and not is_zone(value):
            raise ValidationError(_("There is no such time zone. Write it like Europe/Berlin."), code="unknown")


class SignInForm(AuthenticationForm):
    """Name and password."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = _("User name")
        for name in ("username", "password"):
            self.fields[name].widget.attrs["class"] = "input"

    def confirm_login_allowed(self, user: Person) -> None:
        """Service persons own tokens and webhooks; they do not sign in."""
        super().confirm_login_allowed(user)
        if user.kind == Person.Kind.SERVICE:
            raise self.get_invalid_login_error()

    def get_invalid_login_error(self) -> ValidationError:
        """One sentence for a wrong name and for a wrong password: it does not say which names exist."""
        left = throttle.tries_left(self.request) if self.request else 0
        return ValidationError(
            ngettext(
                "Name and password do not match. %(left)d try left.",
                "Name and password do not match. %(left)d tries left.",
                left,
            ),
            code="invalid_login",
            params={"left": left},
        )
