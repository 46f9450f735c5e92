"""What django-allauth asks of this product: who may come in, and how second steps are kept and checked."""

import time
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from chatops import proxy
from chatops.accounts import profile
from deploy_core import sealing
from deploy_core.ledger import audit
from deploy_core.models import Person

#: What a sealed second step is bound to. allauth does not say whose it is, so it is bound to its purpose.
ABOUT = "authenticator"


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up. Whoever signs in, by whatever steps, is written down once all of them are done."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by who manages everything, by `manage.py person`, or by the single sign-on if it may."""
        return False

    def pre_login(self, request: HttpRequest, user: Person, **kwargs: Any) -> HttpResponse | None:
        """Service persons own tokens; they come in by no door of this kind."""
        if user.kind == Person.Kind.SERVICE:
            return self.respond_user_inactive(request, user)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: Person) -> HttpResponse:
        """The same words for whoever may not come in."""
        return render(request, "accounts/closed.html", status=403)

    def post_login(self, request: HttpRequest, user: Person, **kwargs: Any) -> HttpResponse:
        """All steps are done, whichever way they began."""
        audit.record(user, "sign_in", user.username, "done", by=_steps(request, user))
        response: HttpResponse = super().post_login(request, user, **kwargs)
        profile.remember_browser(user, request, response)
        return response

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Pages say in their place what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere (chatops/proxy.py)."""
        return proxy.client_address(request) or "0.0.0.0"  # noqa: S104  a key to count by, not an address to bind

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether password or second step are given again. Who just came by a link, which works once, need not; who
        has neither of them must have.
        """
        request: HttpRequest = context.request
        records = get_authentication_records(request, cast(Person, request.user))
        since = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
        if any(each["method"] in ("link", "socialaccount") and each["at"] > since for each in records):
            return False
        if not self.get_reauthentication_methods(request.user):
            raise ImmediateHttpResponse(redirect("account-stale"))
        return True


class SecondStepAdapter(DefaultMFAAdapter):
    """Secrets of second steps are sealed as all others are."""

    def encrypt(self, text: str) -> str:
        """For the row."""
        return sealing.seal(text.encode(), about=ABOUT)

    def decrypt(self, encrypted_text: str) -> str:
        """From the row.

        Raises:
            SealError: the key ring does not open it.
        """
        return sealing.open_(encrypted_text, about=ABOUT).decode()

    def get_totp_label(self, user: Person) -> str:
        """Who, as the app on the phone shows it."""
        return user.username

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Whom a passkey belongs to: this host."""
        return {"id": context.request.get_host().partition(":")[0], "name": "Shiproom"}

    def generate_authenticator_name(self, user: Person, type: Authenticator.Type) -> str:
        """What a passkey is called unless its owner says otherwise."""
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """One OpenID Connect provider that the operator named. It vouches for people who are here already."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whether whoever it vouches for gets an account (without any grant)."""
        return bool(settings.OIDC_OPEN)

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Who is here by a name that the provider may give away, or by a verified address, is that person."""
        if sociallogin.is_existing:
            return
        person = _known(sociallogin)
        if person is not None:
            sociallogin.connect(request, person)
        elif not self.is_open_for_signup(request, sociallogin):
            claimed = str(sociallogin.account.uid)[:200]
            audit.record(None, "sign_in", claimed, "unknown_person", by="single sign-on")
            raise ImmediateHttpResponse(render(request, "accounts/closed.html", status=403))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        """The provider said no, or something that cannot be read."""
        raise ImmediateHttpResponse(render(request, "accounts/closed.html", {"is_provider": True}, status=403))


def _known(sociallogin: Any) -> Person | None:
    addresses = [each.email.lower() for each in sociallogin.email_addresses if each.verified and each.email]
    people = Person.objects.filter(is_active=True, kind=Person.Kind.PERSON)
    found = list(people.annotate(address=Lower("email")).filter(address__in=addresses)[:2])
    if len(found) == 1:
        return found[0]
    name = str(sociallogin.account.extra_data.get("userinfo", {}).get("preferred_username") or "")
    return people.filter(username=name).first() if settings.OIDC_TRUSTS_NAMES and name else None


def _steps(request: HttpRequest, person: Person) -> str:
    """By what somebody came in, as one word each: "password, totp"."""
    records = get_authentication_records(request, person)
    return ", ".join(str(each.get("type") or each.get("provider") or each["method"]) for each in records)
