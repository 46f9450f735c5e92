"""One's own account: password, second steps, sessions. Whoever changes these gives password or second step again."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from chatops.accounts import profile, proof, visits
from chatops.room.views import MemberRequest, rail
from chatops.trust.forms import ZoneForm
from deploy_core.ledger import audit
from deploy_core.models import Person
from deploy_core.safety.proof import is_fresh


@never_cache
@login_required
def page(request: MemberRequest) -> HttpResponse:
    """Everything about one's own account at a glance."""
    steps = Authenticator.objects.filter(user=request.user).order_by("created_at")
    context = {
        "page": "account",
        "rooms": rail(request.user),
        "has_password": request.user.has_usable_password(),
        "code_app": next((each for each in steps if each.type == Authenticator.Type.TOTP), None),
        "passkeys": [each.wrap() for each in steps if each.type == Authenticator.Type.WEBAUTHN],
        "codes_left": _codes_left(steps),
        "visits": visits.of(request.user),
        "own_visit": request.session.session_key,
        "proven": request.user.proven,
    }
    return render(request, "trust/account.html", context)


@never_cache
@login_required
@proof.asked_again(lambda request: request.method != "POST")
def password(request: MemberRequest) -> HttpResponse:
    """Set or change the password; every other session and every token of the person ends with the old one
    (chatops/accounts/passwords.py): whoever knew it may have made some.
    """
    if request.method == "POST" and proof.where_wanted(request):
        return redirect("password")  # which asks; a password is kept in no session meanwhile
    form = SetPasswordForm(request.user, request.POST or None)
    for field in form.fields.values():
        field.widget.attrs["class"] = "input"
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, request.user)
        visits.remember(Person, request, request.user)
        return redirect("account")
    context = {"form": form, "page": "account", "rooms": rail(request.user)}
    return render(request, "trust/password.html", context, status=400 if form.errors else 200)


@never_cache
@login_required
def time_zone(request: MemberRequest) -> HttpResponse:
    """By which clocks the times are meant that one types."""
    form = ZoneForm(request.POST or None, instance=Person.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("account")
    context = {"form": form, "zones": profile.zones(), "page": "account", "rooms": rail(request.user)}
    return render(request, "trust/time_zone.html", context, status=400 if form.errors else 200)


@require_POST
@never_cache
@login_required
def end_visit(request: MemberRequest) -> HttpResponse:
    """End one session (`visit`: its number), or all others (`visit`: others). Sockets that they opened are closed."""
    which = request.POST.get("visit", "")
    if which == "others":
        count = visits.end_all(request.user, but=request.session.session_key)
    else:
        found = request.user.visits.filter(pk=int(which)).first() if which.isdecimal() and len(which) < 19 else None
        if found is None:
            raise Http404
        visits.end(found)
        count = 1
    if count:
        audit.record(request.user, "session.end", request.user.username, "done", count=count)
    return redirect("account")


@never_cache
@login_required
def prove(request: MemberRequest) -> HttpResponse:
    """Give a second step afresh, then go on where `next` says. Who has none is shown where to set one up."""
    wanted = request.GET.get("next", "")
    onward = wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else reverse("home")
    if is_fresh(request.user):
        return HttpResponseRedirect(onward)  # `redirect` would take a word for the name of a page
    kinds = proof.kinds(request.user)
    if not kinds:
        return redirect(f"{reverse('account')}?wanted=step")
    return redirect(proof.where_given(kinds, onward))


@never_cache
@login_required
def stale(request: MemberRequest) -> HttpResponse:
    """Why somebody without password and second step has to come in by a fresh link first."""
    return render(request, "accounts/stale.html", status=403)


def _codes_left(steps: Any) -> int | None:
    found = next((each for each in steps if each.type == Authenticator.Type.RECOVERY_CODES), None)
    return len(found.wrap().get_unused_codes()) if found else None
