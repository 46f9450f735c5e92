"""The pages about Slack: which workspaces have the app, who one is there, and the two ends of an installation."""

import secrets
import time
from contextlib import suppress
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from chatops.accounts import proof
from chatops.room import people
from chatops.room.views import MemberRequest, rail
from chatops.slack import blocks, calls, manifest, opting, outbox, tickets, workspaces
from chatops.slack.models import Channel, Identity, Post, Ticket, Workspace
from deploy_core.models import Person
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access
from deploy_core.sealing import SealError

#: The key of the session under which the state of an installation waits for its return, and how long it does.
STATE, STATE_S = "slack_state", 600


@never_cache
@login_required
def home(request: MemberRequest) -> HttpResponse:
    """Workspaces, the channels that show one's rooms, and who one is."""
    return _page(request)


def _page(request: MemberRequest, trouble: str = "", status: int = 200) -> HttpResponse:
    known = Workspace.objects.filter(removed__isnull=True).order_by("name", "team")
    if not _may_install(request.user):  # others see those that know them, or show a room of theirs
        known = known.filter(Q(identities__person=request.user) | Q(channels__room__members=request.user)).distinct()
    context = {
        "rooms": rail(request.user),
        "page": "slack",
        "workspaces": [(each, _is_slow(each)) for each in known],
        "channels": [(each, people.may_manage(request.user, each.room)) for each in _links(request.user)],
        "identities": Identity.objects.filter(person=request.user).select_related("workspace"),
        "may_install": _may_install(request.user),
        "is_ready": bool(settings.SLACK_CLIENT_ID and settings.SLACK_CLIENT_SECRET and settings.SLACK_SIGNING_SECRET),
        "trouble": trouble,
    }
    return render(request, "slack/home.html", context, status=status)


def _links(person: Person) -> QuerySet[Channel]:
    """The channels that show the person's rooms."""
    shown = Channel.objects.filter(room__members=person, workspace__removed__isnull=True)
    return shown.select_related("workspace", "room").order_by("room__slug")


def _is_slow(workspace: Workspace) -> bool:
    """Whether something waits because Slack does not take it."""
    is_quiet = workspace.quiet_until is not None and workspace.quiet_until > timezone.now()
    waits = is_quiet and Post.objects.filter(workspace=workspace, is_done=False).exists()
    return waits or workspace.behind is not None


def _may_install(person: Person) -> bool:
    """Who manages everything: the app sees, and is told, what every room does."""
    return access.can(person, "manage", EVERYWHERE, EVERYWHERE)


# --- installing -------------------------------------------------------------------------------------------------------
@never_cache
@login_required
def install(request: MemberRequest) -> HttpResponse:
    """Off to Slack, with a state that only this session brings back."""
    if not _may_install(request.user):
        raise PermissionDenied
    if not settings.SLACK_CLIENT_ID:
        return _page(request, "not_ready", 409)
    state = secrets.token_urlsafe(24)
    request.session[STATE] = [state, int(time.time())]
    asked = {
        "client_id": settings.SLACK_CLIENT_ID,
        "scope": ",".join(manifest.SCOPES),
        "state": state,
        "redirect_uri": _redirect_uri(),
    }
    return redirect(f"{settings.SLACK_AUTHORIZE_URL}?{urlencode(asked)}")


@never_cache
@login_required
def oauth_redirect(request: MemberRequest) -> HttpResponse:
    """Back from Slack: the code becomes a token, once, for who set out."""
    kept = request.session.pop(STATE, None)  # a state is good for one return, whatever comes of it
    if not _may_install(request.user):
        raise PermissionDenied
    given = request.GET.get("state", "")
    if not kept or not constant_time_compare(kept[0], given) or time.time() - kept[1] > STATE_S:
        return _page(request, "state", 400)
    if request.GET.get("error"):
        return _page(request, "declined", 400)
    sent = {
        "client_id": settings.SLACK_CLIENT_ID,
        "client_secret": settings.SLACK_CLIENT_SECRET,
        "code": request.GET.get("code", ""),
        "redirect_uri": _redirect_uri(),
    }
    try:
        answer = calls.answer(calls.client(), "oauth.v2.access", data=sent)
        if answer.get("is_enterprise_install") or not answer.get("team"):
            return _page(request, "organisation", 400)
        workspaces.install(answer, str(answer["access_token"]), by=request.user)
    except (calls.Limited, calls.Unsure, calls.Refused):
        return _page(request, "exchange", 502)
    return redirect("slack")


def _redirect_uri() -> str:
    return f"{settings.PUBLIC_URL}{reverse('slack-oauth')}"


@require_POST
@never_cache
@login_required
def remove(request: MemberRequest, number: int) -> HttpResponse:
    """Give a workspace's token back, and send nothing there any more."""
    if not _may_install(request.user):
        raise PermissionDenied
    workspace = get_object_or_404(Workspace, pk=number, removed__isnull=True)
    with suppress(calls.Limited, calls.Unsure, calls.Refused, SealError):  # it is forgotten here in any case
        calls.call(workspace, "auth.revoke")
    workspaces.remove(workspace, "asked", by=request.user)
    return redirect("slack")


@require_POST
@never_cache
@login_required
def quiet(request: MemberRequest, number: int) -> HttpResponse:
    """What people say in a channel and in its room is not shown in the other any more."""
    link = get_object_or_404(_links(request.user), pk=number)
    if not people.may_manage(request.user, link.room):
        raise PermissionDenied
    opting.end(link, "slack_mirror_ended", by=request.user)
    return redirect("slack")


# --- who is who -------------------------------------------------------------------------------------------------------
@method_decorator([never_cache, login_required], name="dispatch")
class Link(View):
    """A one-time link. GET only asks: a link preview uses nothing up, and nobody is tied by opening a page."""

    def get(self, request: MemberRequest, token: str) -> HttpResponse:
        """Say who would be tied to whom."""
        ticket = tickets.find(token)
        context = {"ticket": ticket, "person": request.user, "slack_user": _called(ticket) if ticket else ""}
        return render(request, "slack/link.html", context, status=200 if ticket else 410)

    @method_decorator(proof.asked_again(lambda request: True))
    def post(self, request: MemberRequest, token: str) -> HttpResponse:
        """Tie them, and tell the Slack user: whose it is speaks for the person from then on."""
        identity = tickets.redeem(token, request.user)
        if identity is None:
            return render(request, "slack/link.html", {"ticket": None, "person": request.user}, status=410)
        with translation.override(request.user.language or settings.SLACK_LANGUAGE):
            told = blocks.reply("slack_linked", {"who": request.user.username})
        outbox.put(identity.workspace, identity.user, f"linked:{tickets.digest(token)}", told)
        return redirect("slack")


def _called(ticket: Ticket) -> str:
    """What the Slack user is called there, with their id: whoever was sent somebody else's link sees whose it is."""
    try:
        user = calls.ask(ticket.workspace, "users.info", user=ticket.user)["user"]
    except (calls.Limited, calls.Unsure, calls.Refused):
        return ticket.user
    name = user.get("real_name") or user.get("name")
    return f"{str(name)[:80]} ({ticket.user})" if name else ticket.user


@require_POST
@never_cache
@login_required
def unlink(request: MemberRequest, number: int) -> HttpResponse:
    """One's own Slack account is nobody here any more."""
    identity = get_object_or_404(Identity.objects.select_related("workspace", "person"), pk=number, person=request.user)
    tickets.untie(identity, "asked")
    return redirect("slack")
