"""Secrets of an environment: which there are, since when and by whom; set, replaced and removed by who manages it.

A secret outlasts the session that sets it, so whoever sets one proves anew who they are. Removing one needs no proof.
"""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from chatops.accounts import proof
from chatops.fleet import access, sections
from chatops.fleet.secret_form import SecretForm
from chatops.fleet.views import frame
from chatops.room.views import MemberRequest
from deploy_core import granting
from deploy_core.models import Environment, Secret


@never_cache
@login_required
def page(request: MemberRequest, app: str, name: str) -> HttpResponseBase:
    """All of them, and the form of a new one."""
    environment = _managed(request, app, name)
    if asked := proof.wanted_first(request):
        return asked
    form = SecretForm(_posted(request), instance=Secret(environment=environment), reader=request.user)
    if form.is_valid():
        _keep(form, request)
        return redirect("fleet-secrets", app, name)
    told = {"secrets": environment.secrets.select_related("set_by"), "title": _("Secrets"), "save": _("Add secret")}
    return _draw(request, environment, form, **told)


@never_cache
@login_required
def one(request: MemberRequest, app: str, name: str, secret: str) -> HttpResponseBase:
    """Another value, or other grants."""
    environment = _managed(request, app, name)
    row = get_object_or_404(environment.secrets.select_related("environment__app"), name=secret)
    if asked := proof.wanted_first(request):
        return asked
    form = SecretForm(_posted(request), instance=row, reader=request.user)
    if form.is_valid():
        _keep(form, request)
        return redirect("fleet-secrets", app, name)
    remove_at = reverse("fleet-remove-secret", args=[app, name, secret])
    return _draw(request, environment, form, row=row, title=secret, save=_("Save secret"), remove=remove_at)


@never_cache
@login_required
def remove(request: MemberRequest, app: str, name: str, secret: str) -> HttpResponse:
    """Ask once, then remove."""
    row = get_object_or_404(_managed(request, app, name).secrets.select_related("environment__app"), name=secret)
    if request.method == "POST":
        granting.remove(row, by=request.user)
        return redirect("fleet-secrets", app, name)
    own = reverse("fleet-secret", args=[app, name, secret])
    return render(request, "fleet/remove.html", frame(request, sections.SECTIONS["apps"]) | {"row": row, "own": own})


def _managed(request: MemberRequest, app: str, name: str) -> Environment:
    """
    Raises:
        Http404: there is no such environment, or the person does not manage it.
    """
    environment = access.environments(request.user).filter(app__name=app, name=name).first()
    if environment is None or not access.manages(request.user, app, name):
        raise Http404
    return environment


def _posted(request: MemberRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _keep(form: SecretForm, request: MemberRequest) -> None:
    told = form.cleaned_data
    granting.put(form.instance.environment, told["name"], told["value"], form.granted(), by=request.user)


def _draw(request: MemberRequest, environment: Environment, form: SecretForm, **told: Any) -> HttpResponse:
    app, name = environment.app.name, environment.name
    context = frame(request, sections.SECTIONS["apps"]) | {
        "environment": environment,
        "form": form,
        "cancel": reverse("fleet-secrets" if told.get("row") else "fleet-environment", args=[app, name]),
    }
    return render(request, "fleet/secrets.html", context | told, status=400 if form.errors else 200)
