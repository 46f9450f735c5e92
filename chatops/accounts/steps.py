"""Second steps: asked for at sign-in and before delicate acts, set up and taken away. allauth does it, we draw it."""

from typing import Any

import qrcode
from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import ReauthenticateView
from allauth.mfa import signals
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeAgainView
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from django import forms
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from chatops.accounts import proof
from deploy_core.ledger import audit
from deploy_core.models import Person

_private = method_decorator(never_cache, name="dispatch")
#: Pages, with those below them, that ask whether this session is sure (`proof.is_sure`).
_TAKE_RECOVERY_CODES = ("account", "tokens", "webhooks", "people", "slack")


def _dressed(form: forms.Form) -> forms.Form:
    """Fields in the house's look; what allauth writes into them as an example goes."""
    for field in form.fields.values():
        if isinstance(field.widget, forms.CheckboxInput):
            continue
        field.widget.attrs["class"] = "input"
        field.widget.attrs.pop("placeholder", None)
        if field.widget.attrs.get("autocomplete") == "one-time-code":
            field.widget.attrs |= {"inputmode": "numeric", "autofocus": True, "maxlength": "12"}
    return form


class _Dressed:
    """A form view of allauth in the house's look."""

    def get_form(self, *args: Any, **kwargs: Any) -> forms.Form:
        return _dressed(super().get_form(*args, **kwargs))  # type: ignore[misc]


class _Changes:
    """A view that changes second steps, or shows the codes that stand for them: to whom gave one in this session."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        person = request.user
        if isinstance(person, Person) and not proof.is_sure(person, request.session):
            return redirect(proof.where_given(proof.kinds(person), request.path))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer


@_private
class SecondStep(AuthenticateView):
    """After the password: a code, a passkey, or a recovery code."""

    template_name = "accounts/second_step.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        _dressed(context["form"])
        kinds = set(self.stage.login.user.authenticator_set.values_list("type", flat=True))
        return context | {"has_code": "totp" in kinds, "has_passkey": "webauthn" in kinds}


@_private
class PasswordAgain(_Dressed, ReauthenticateView):
    template_name = "accounts/again.html"


@_private
class CodeAgain(_Dressed, CodeAgainView):
    template_name = "accounts/again.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        # For what outlasts the session a recovery code is as good; for a deployment it proves nothing anew.
        onward = str(context.get("redirect_field_value") or "")
        return context | {"takes_recovery_codes": onward.startswith(tuple(map(reverse, _TAKE_RECOVERY_CODES)))}


@_private
class PasskeyAgain(_Dressed, ReauthenticateWebAuthnView):
    template_name = "accounts/again.html"


@_private
class CodeApp(_Changes, _Dressed, ActivateTOTPView):
    """Set a code app up: the picture to scan, the same as text, and the first code as proof."""

    template_name = "accounts/code_app.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        secret = context["form"].secret
        picture = qrcode.QRCode(border=2)
        picture.add_data(get_adapter().build_totp_url(self.request.user, secret))
        matrix = picture.get_matrix()
        squares = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, is_dark in enumerate(row) if is_dark]
        spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return context | {"picture": "".join(squares), "picture_size": len(matrix), "secret": spaced}


@_private
class NoCodeApp(_Changes, _Dressed, DeactivateTOTPView):
    template_name = "accounts/no_step.html"


@_private
class Codes(_Changes, ViewRecoveryCodesView):
    template_name = "accounts/codes.html"


@_private
class NewCodes(_Changes, _Dressed, GenerateRecoveryCodesView):
    template_name = "accounts/new_codes.html"


@_private
class AddPasskey(_Changes, _Dressed, AddWebAuthnView):
    template_name = "accounts/passkey.html"


@_private
class NoPasskey(_Changes, RemoveWebAuthnView):
    template_name = "accounts/no_step.html"
    success_url = reverse_lazy("account")


@_private
class PasskeySignIn(LoginWebAuthnView):
    """GET, asked for by script: what the browser needs; POST: its answer."""


@receiver(signals.authenticator_added)
def _added(request: HttpRequest, user: Person, authenticator: Any, **kwargs: Any) -> None:
    audit.record(user, "second_step.add", user.username, "done", kind=str(authenticator.type))
    if authenticator.type in proof.PROVES:  # else the codes that come with it would be shown only after one more step
        record_authentication(request, user, proof.SET_UP, type=str(authenticator.type))


@receiver(signals.authenticator_removed)
def _removed(request: HttpRequest, user: Person, authenticator: Any, **kwargs: Any) -> None:
    audit.record(user, "second_step.remove", user.username, "done", kind=str(authenticator.type))


@receiver(signals.authenticator_reset)
def _reset(request: HttpRequest, user: Person, authenticator: Any, **kwargs: Any) -> None:
    audit.record(user, "second_step.renew", user.username, "done", kind=str(authenticator.type))
