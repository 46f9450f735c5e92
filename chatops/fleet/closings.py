"""What closes environments, on one page: the windows of the week with their next opening, and the freezes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from chatops.accounts.profile import zones
from chatops.fleet import access, sections
from chatops.fleet.closing_forms import ClosingForm, FreezeForm, WindowForm
from chatops.room.views import MemberRequest, rail
from deploy_core.models import Freeze, Person, Window
from deploy_core.rules import grants
from deploy_core.rules.grants import EVERYWHERE, Action
from deploy_core.rules.times import zone_named
from deploy_core.safety import access as rights
from deploy_core.safety import freezes

Closing = TypeVar("Closing", Window, Freeze)


class Opening(NamedTuple):
    """A window as the page shows it: open until `until`, or from `begins` to `until` next."""

    window: Window
    days: str
    is_open: bool
    begins: datetime | None
    until: datetime | None
    may_remove: bool


@never_cache
@login_required
def page(request: MemberRequest) -> HttpResponse:
    """Those that cover something the reader may see."""
    context = _frame(request) | {
        "openings": [_opening(request.user, each) for each in windows(request.user)],
        "freezes": [
            {
                "freeze": each,
                "may_lift": _may(request.user, "approve", each),
                "is_to_come": each.starts > timezone.now(),
            }
            for each in _standing(request.user)
        ],
        "may_freeze": bool(_places(request.user, "approve")),
        "may_add": bool(_places(request.user, "manage")),
    }
    return render(request, "fleet/closings.html", context)


@never_cache
@login_required
def add(request: MemberRequest, noun: str) -> HttpResponse:
    """A new window or freeze: the form, and with status 400 what is wrong beside each field."""
    if noun not in ("window", "freeze"):
        raise Http404
    is_window = noun == "window"
    if not _places(request.user, "manage" if is_window else "approve"):
        raise Http404
    kind: type[ClosingForm] = WindowForm if is_window else FreezeForm
    form = kind(request.POST if request.method == "POST" else None, reader=request.user)
    if request.method == "POST" and form.is_valid():
        _keep(form, request.user)
        return redirect("fleet-closings")
    context = _frame(request) | {
        "form": form,
        "title": _("Add window") if is_window else _("Freeze"),
        "save": _("Add window") if is_window else _("Freeze"),
        "cancel": reverse("fleet-closings"),
        "zones": zones(),
    }
    return render(request, "fleet/closing.html", context, status=400 if form.errors else 200)


@require_POST
@never_cache
@login_required
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """One window less."""
    window = next((each for each in windows(request.user) if each.pk == number), None)
    if window is None or not _may(request.user, "manage", window):
        raise Http404
    freezes.remove_window(window, by=request.user)
    return redirect("fleet-closings")


@require_POST
@never_cache
@login_required
def lift(request: MemberRequest, number: int) -> HttpResponse:
    """End a freeze, and others of exactly its scope."""
    freeze = next((each for each in _standing(request.user) if each.pk == number), None)
    if freeze is None or not _may(request.user, "approve", freeze):
        raise Http404
    freezes.lift(freeze.app, freeze.environment, by=request.user)
    return redirect("fleet-closings")


def windows(person: Person) -> list[Window]:
    """The windows that cover an environment which `person` may see."""
    found = Window.objects.select_related("app").order_by("app__name", "environment", "pk")
    return _covering(person, found)


def _standing(person: Person) -> list[Freeze]:
    return _covering(person, freezes.standing())


def _covering(person: Person, found: Iterable[Closing]) -> list[Closing]:
    seen, rows = list(access.environments(person)), rights.held(person)
    return [
        each
        for each in found
        if any(each.app_id in (None, it.app_id) and each.environment in (EVERYWHERE, it.name) for it in seen)
        or grants.can(rows, "manage", each.app.name if each.app else EVERYWHERE, each.environment)
    ]


def _keep(form: ClosingForm, by: Person) -> None:
    told = form.cleaned_data
    if isinstance(form, WindowForm):
        freezes.add_window(form.save(commit=False), by=by)
        return
    zone = zone_named(told["time_zone"])
    scope = (told["app"], told["environment"])
    freezes.freeze(*scope, by=by, reason=told["reason"], starts=told["starts"], ends=told["ends"], zone=zone)


def _opening(person: Person, window: Window) -> Opening:
    weekly, now = freezes.weekly(window), timezone.now()
    may = _may(person, "manage", window)
    days = _days(window.days)
    if until := weekly.open_until(now):
        return Opening(window, days, True, None, until, may)
    begins = weekly.opens_next(now)
    return Opening(window, days, False, begins, weekly.open_until(begins) if begins else None, may)


def _days(numbers: list[int]) -> str:
    """`Mon – Fri`, or the names one by one."""
    ordered = sorted(numbers)
    if len(ordered) == 1:
        return str(WEEKDAYS[ordered[0]])
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{WEEKDAYS_ABBR[ordered[0]]} – {WEEKDAYS_ABBR[ordered[-1]]}"
    return ", ".join(str(WEEKDAYS_ABBR[each]) for each in ordered)


def _may(person: Person, action: Action, closing: Window | Freeze) -> bool:
    return rights.can(person, action, closing.app.name if closing.app else EVERYWHERE, closing.environment)


def _places(person: Person, action: Action) -> bool:
    """Whether there is anything where `person` may do it."""
    rows = rights.held(person)
    return grants.can(rows, action, EVERYWHERE, EVERYWHERE) or any(
        grants.can(rows, action, each.app.name, each.name) for each in access.environments(person)
    )


def _frame(request: MemberRequest) -> dict[str, Any]:
    return {"sections": sections.of(request.user), "rooms": rail(request.user), "page": "fleet", "is_closings": True}
