"""Signing in and out: by name and password, or by a one-time link. A second step follows where there is one."""

from typing import Any

from allauth.account.internal.flows import login as flow
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import check_for_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django.views.generic import View
from django.views.i18n import set_language

from chatops.accounts import links
from chatops.accounts.forms import SignInForm
from deploy_core.models import Person


class SignIn(LoginView):
    """Name and password. `next` is followed only within this site (Django's own check)."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in, or ask for the second step (the session key changes)."""
        person = form.get_user()
        flow.record_authentication(self.request, person, "password")
        login = Login(user=person, redirect_url=self.get_success_url())
        response: HttpResponse = flow.perform_login(self.request, login)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Beside the form, the other ways in."""
        return super().get_context_data(**kwargs) | {"single_sign_on": settings.OIDC_NAME if settings.OIDC_URL else ""}


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]) -> HttpResponse:
    """The sign-in page when too many tries failed; django-axes calls this instead of answering itself."""
    minutes = max(1, round(settings.SIGN_IN_COOL_OFF_S / 60))
    form = SignInForm(request)
    form.fields["username"].initial = request.POST.get("username", "")
    context = {"form": form, "locked_minutes": minutes, "next": request.POST.get("next", "")}
    page = render(request, "accounts/sign_in.html", context, status=429)
    page["Retry-After"] = str(settings.SIGN_IN_COOL_OFF_S)
    return page


@method_decorator(never_cache, name="dispatch")
class Link(RedirectURLMixin, View):
    """A one-time link. GET only shows a button, so that a chat's link preview does not use the link up."""

    next_page = settings.LOGIN_REDIRECT_URL

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Say whom the link signs in, or that it is of no use any more."""
        person = links.find(token)
        return render(request, "accounts/link.html", {"person": person}, status=200 if person else 410)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Use the link up and sign its person in."""
        person = links.redeem(token)
        if person is None:
            return render(request, "accounts/link.html", {"person": None}, status=410)
        flow.record_authentication(request, person, "link")
        response: HttpResponse = flow.perform_login(request, Login(user=person, redirect_url=self.get_success_url()))
        return response


def closed(request: HttpRequest) -> HttpResponse:
    """Nobody makes an account for themselves."""
    return render(request, "accounts/closed.html", status=403)


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of this browser and, signed in, of the profile."""
    code = request.POST.get("language", "")
    if request.user.is_authenticated and check_for_language(code):
        Person.objects.filter(pk=request.user.pk).update(language=code)
    return set_language(request)
