"""Signing in and out: by name and password, or by a one-time link."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
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

from chatops.accounts import links, profile
from chatops.accounts.forms import SignInForm
from deploy_core.ledger import audit
from deploy_core.models import Person

#: Who vouches for a person that came by a link; `login` wants one when there is more than one backend.
BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(LoginView):
    """Name and password. `next` is followed only within this site (Django's own check)."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in (Django changes the session key), and learn zone and language from the browser."""
        response = super().form_valid(form)
        profile.remember_browser(form.get_user(), self.request, response)
        audit.record(form.get_user(), "sign_in", form.get_user().username, "done", by="password")
        return response


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
        login(request, person, backend=BACKEND)
        response = HttpResponse(status=302, headers={"Location": self.get_success_url()})
        profile.remember_browser(person, request, response)
        audit.record(person, "sign_in", person.username, "done", by="link")
        return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language of this browser and, signed in, of the profile."""
    code = request.POST.get("language", "")
    if request.user.is_authenticated and check_for_language(code):
        Person.objects.filter(pk=request.user.pk).update(language=code)
    return set_language(request)
