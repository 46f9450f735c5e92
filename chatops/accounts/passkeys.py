"""What a browser says about a passkey, read with care: anything may be posted in its place."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)

#: What its reader raises over JSON of another shape, besides the error that allauth knows.
_NO_PASSKEY = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


class _Careful:
    def clean_credential(self) -> Authenticator:
        """The authenticator that answered."""
        try:
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
        except _NO_PASSKEY as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return found


class Show(_Careful, AuthenticateWebAuthnForm):
    """As the second step."""


class ShowAlone(_Careful, LoginWebAuthnForm):
    """As the only step."""


class ShowAgain(_Careful, ReauthenticateWebAuthnForm):
    """Before a delicate act."""


class Add(AddWebAuthnForm):
    """A new one."""

    def clean(self) -> dict[str, Any]:
        """Its public key, checked."""
        try:
            return dict(super().clean())
        except _NO_PASSKEY as error:
            raise get_adapter().validation_error("incorrect_code") from error
