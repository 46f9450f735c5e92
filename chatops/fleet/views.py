"""The fleet's pages: lists with a search, and one form per thing. What one may not see is not there."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.db.models import Model, ProtectedError
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from chatops.accounts import proof
from chatops.fleet import access, contact, sections
from chatops.fleet.app_forms import EnvironmentForm, PlacementSet
from chatops.fleet.forms import FleetForm
from chatops.fleet.sections import Section
from chatops.room.views import MemberRequest, rail
from deploy_core.ledger import audit
from deploy_core.models import Environment, Person, Server
from deploy_core.safety import access as rights

SEARCH_LIMIT = 100

_page = method_decorator([never_cache, login_required], name="dispatch")


@never_cache
@login_required
def home(request: MemberRequest) -> HttpResponse:
    """The first list."""
    return redirect("fleet-list", "servers")


@never_cache
@login_required
def listing(request: MemberRequest, key: str) -> HttpResponse:
    """Those that one may see; `?find=web` narrows them."""
    section = sections.named(key)
    if section not in sections.of(request.user):
        raise Http404
    search = request.GET.get("find", "").strip()[:SEARCH_LIMIT]
    context = frame(request, section) | {
        "rows": section.rows(request.user, search),
        "search": search,
        "may_add": section.may_change(request.user),
    }
    return render(request, f"fleet/{key}.html", context)


@_page
class Page(View):
    """One of a section, or (`name` None) a new one."""

    request: MemberRequest

    def get(self, request: MemberRequest, key: str, name: str | None = None) -> HttpResponseBase:
        """The form as it is stored."""
        section, row = self._found(key, name)
        if asked := self._asked(section, name):
            return asked
        return self._draw(section, self._form(section, row))

    def post(self, request: MemberRequest, key: str, name: str | None = None) -> HttpResponseBase:
        """Save, or show with status 400 what is wrong beside each field."""
        section, row = self._found(key, name)
        if not section.may_change(request.user, name or ""):
            raise Http404
        if asked := self._asked(section, name):
            return asked
        form = self._form(section, row, data=request.POST)
        if not form.is_valid():
            return self._draw(section, form, status=400)
        try:
            saved = keep(form, section.noun, request.user)
        except IntegrityError:
            form = self._form(section, self._found(key, name)[1], data=request.POST)
            if form.is_valid():
                raise
            return self._draw(section, form, status=400)  # somebody was quicker; now their name is in the way
        return redirect("fleet-page", key, saved.name)

    def _asked(self, section: Section, name: str | None) -> HttpResponseBase | None:
        """Where who may change a login proves anew who they are: it outlasts their session, as a token does."""
        is_open = section.keeps_secrets and section.may_change(self.request.user, name or "")
        return proof.wanted_first(self.request) if is_open else None

    def _found(self, key: str, name: str | None) -> tuple[Section, Any]:
        section = sections.named(key)
        if name is None:
            if not section.may_change(self.request.user):
                raise Http404
            return section, None
        row = section.rows(self.request.user).filter(name=name).first()
        if row is None:
            raise Http404
        return section, row

    def _form(self, section: Section, row: Any, data: Any = None) -> FleetForm:
        is_open = section.may_change(self.request.user, row.name if row else "")
        return section.form(data, instance=row, reader=self.request.user, is_open=is_open)

    def _draw(self, section: Section, form: FleetForm, status: int = 200) -> HttpResponse:
        row = form.instance
        context = frame(self.request, section) | {
            "form": form,
            "row": row if row.pk else None,
            "title": stored_name(row) or section.add,
            "cancel": reverse("fleet-list", args=[section.key]),
            "remove": reverse("fleet-remove", args=[section.key, stored_name(row)]) if row.pk and form.is_open else "",
        }
        if row.pk and section.key == "servers":
            context["contact"] = contact.shown(row)
        if row.pk and section.key == "apps":
            seen = access.environments(self.request.user).filter(app=row)
            context["environments"] = seen.prefetch_related("servers")
        return render(self.request, "fleet/page.html", context, status=status)


@_page
class EnvironmentPage(View):
    """One environment of an app with its servers, or (`name` None) a new one."""

    request: MemberRequest

    def get(self, request: MemberRequest, app: str, name: str | None = None) -> HttpResponse:
        """The form as it is stored."""
        environment = self._found(app, name)
        return self._draw(self._form(environment), self._placements(environment))

    def post(self, request: MemberRequest, app: str, name: str | None = None) -> HttpResponse:
        """Save both, or neither."""
        environment = self._found(app, name)
        if not self._may_change(environment):
            raise Http404
        form = self._form(environment, request.POST)
        placements = self._placements(environment, request.POST)
        if not (form.is_valid() and placements.is_valid()):
            return self._draw(form, placements, status=400)
        if name is None:
            environment.position = environment.app.environments.count()
        try:
            saved = self._keep(form, placements)
        except IntegrityError:  # as in `Page`
            environment = self._found(app, name)
            form, placements = self._form(environment, request.POST), self._placements(environment, request.POST)
            if form.is_valid() and placements.is_valid():
                raise
            return self._draw(form, placements, status=400)
        return redirect("fleet-environment", saved.app.name, saved.name)

    @transaction.atomic
    def _keep(self, form: EnvironmentForm, placements: Any) -> Environment:
        saved = form.save()
        placements.instance = saved
        placements.save()
        servers = list(saved.placements.values_list("server__name", flat=True))
        told = {"changed": sorted(form.changed_data), "servers": servers}
        audit.record(self.request.user, "environment.save", str(saved), "done", **told)
        return saved

    def _found(self, app: str, name: str | None) -> Environment:
        of = access.apps(self.request.user).filter(name=app).first()
        if of is None:
            raise Http404
        if name is None:
            if not access.manages(self.request.user, app):
                raise Http404
            return Environment(app=of)
        found = access.environments(self.request.user).filter(app=of, name=name).first()
        if found is None:
            raise Http404
        return found

    def _may_change(self, environment: Environment) -> bool:
        name = environment.name if environment.pk else "*"
        return access.manages(self.request.user, environment.app.name, name)

    def _form(self, environment: Environment, data: Any = None) -> EnvironmentForm:
        return EnvironmentForm(
            data, instance=environment, reader=self.request.user, is_open=self._may_change(environment)
        )

    def _placements(self, environment: Environment, data: Any = None) -> Any:
        following = environment.placements.count() if environment.pk else 0
        is_open = self._may_change(environment)
        told = {
            "reader": self.request.user,
            "environment": environment,
            "is_open": is_open,
            "servers": access.placeable(self.request.user) if is_open else Server.objects.none(),
            "following": following,
        }
        return PlacementSet(data, instance=environment, prefix="on", form_kwargs=told)

    def _glass(self, environment: Environment) -> str:
        """Where one deploys in an emergency, for who may; "" where nobody's approval is wanted."""
        place = [environment.app.name, stored_name(environment)]
        if (
            not environment.pk
            or not environment.approvals_needed
            or not rights.can(self.request.user, "deploy", *place)
        ):
            return ""
        return reverse("break-glass", args=place)

    def _draw(self, form: EnvironmentForm, placements: Any, status: int = 200) -> HttpResponse:
        environment = form.instance
        app = environment.app.name
        is_kept = environment.pk is not None
        args = [app, stored_name(environment)]
        context = frame(self.request, sections.SECTIONS["apps"]) | {
            "form": form,
            "placements": placements,
            "app": app,
            "row": environment if is_kept else None,
            "title": stored_name(environment) or _("Add environment"),
            "cancel": reverse("fleet-page", args=["apps", app]),
            "remove": reverse("fleet-remove-environment", args=args) if is_kept and form.is_open else "",
            "glass": self._glass(environment),
            "secrets": reverse("fleet-secrets", args=args) if is_kept and form.is_open else "",
        }
        return render(self.request, "fleet/environment.html", context, status=status)


@_page
class Remove(View):
    """Ask once, then remove; what others need stays, and the page says who needs it."""

    request: MemberRequest

    def get(self, request: MemberRequest, **which: str) -> HttpResponse:
        """The question."""
        row, back = self._found(**which)
        return self._draw(row, back)

    def post(self, request: MemberRequest, **which: str) -> HttpResponse:
        """Gone, or not (409)."""
        row, back = self._found(**which)
        name = str(row)
        try:
            with transaction.atomic():
                row.delete()
                audit.record(request.user, f"{row._meta.model_name}.remove", name, "done")
        except ProtectedError as error:
            return self._draw(row, back, needed_by=_named(error), status=409)
        return redirect(back[0])

    def _found(self, key: str = "apps", name: str = "", app: str = "") -> tuple[Any, tuple[str, str]]:
        if app:
            environment = access.environments(self.request.user).filter(app__name=app, name=name).first()
            if environment is None or not access.manages(self.request.user, app, name):
                raise Http404
            own = reverse("fleet-environment", args=[app, name])
            return environment, (reverse("fleet-page", args=["apps", app]), own)
        section = sections.named(key)
        row = section.rows(self.request.user).filter(name=name).first()
        if row is None or not section.may_change(self.request.user, name):
            raise Http404
        return row, (reverse("fleet-list", args=[key]), reverse("fleet-page", args=[key, name]))

    def _draw(
        self, row: Any, back: tuple[str, str], needed_by: list[str] | None = None, status: int = 200
    ) -> HttpResponse:
        key = {"environment": "apps"}.get(row._meta.model_name, f"{row._meta.model_name}s")
        context = frame(self.request, sections.SECTIONS[key]) | {"row": row, "own": back[1], "needed_by": needed_by}
        return render(self.request, "fleet/remove.html", context, status=status)


def keep(form: FleetForm, noun: str, by: Person) -> Any:
    """Save and audit; the audit names fields, never values."""
    is_new = form.instance.pk is None
    with transaction.atomic():
        saved = form.save()
        action = f"{noun}.{'add' if is_new else 'change'}"
        audit.record(by, action, saved.name, "done", changed=sorted(form.changed_data))
    return saved


def frame(request: MemberRequest, section: Section) -> dict[str, Any]:
    """What every page of the fleet shows around its own."""
    return {
        "section": section,
        "sections": sections.of(request.user),
        "rooms": rail(request.user),
        "page": "fleet",
    }


def stored_name(row: Model) -> str:
    """What it is called now, whatever a refused form would call it."""
    if row.pk is None:
        return ""
    return str(type(row)._default_manager.values_list("name", flat=True).get(pk=row.pk))


def _named(error: ProtectedError) -> list[str]:
    return sorted({str(each) for each in error.protected_objects})[:10]
