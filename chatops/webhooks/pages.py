"""The pages of webhooks: those that come in for apps that one manages, those that go out and are one's own.

Who manages everything looks after all of them. A secret is shown by the answer that makes it, and nowhere else.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from chatops.accounts import proof
from chatops.room.views import MemberRequest, rail
from chatops.webhooks import secrets
from chatops.webhooks.forms import IncomingForm, OutgoingForm
from chatops.webhooks.models import Delivery, IncomingHook, OutgoingHook
from deploy_core.ledger import audit
from deploy_core.models import Deployment, Person
from deploy_core.rules import grants
from deploy_core.rules.grants import EVERYWHERE, GrantRow
from deploy_core.safety import access

#: How many deliveries a page lists.
LISTED = 50


def _makes_secret(request: HttpRequest) -> bool:
    return request.POST.get("do") == "secret" or ("add" in request.POST and "remove" not in request.POST)


#: A hook outlives the session that makes it, as a token does: whoever makes one proves anew who they are.
_proven = proof.asked_again(_makes_secret)
_page = method_decorator([never_cache, login_required, _proven], name="dispatch")


def kept(person: Person) -> QuerySet[OutgoingHook]:
    """The outgoing hooks that `person` looks after."""
    found = OutgoingHook.objects.select_related("person").prefetch_related("apps").order_by("name")
    return found if access.can(person, "manage", EVERYWHERE, EVERYWHERE) else found.filter(person=person)


@_page
class Hooks(View):
    """Both lists, each with a form below it."""

    request: MemberRequest

    def get(self, request: MemberRequest) -> HttpResponse:
        """What one looks after."""
        return self._draw()

    def post(self, request: MemberRequest) -> HttpResponse:
        """A new hook, or one that comes in no more."""
        if "remove" in request.POST:
            return self._remove(request.POST["remove"])
        match request.POST.get("add"):
            case "in":
                return self._add_incoming()
            case "out":
                return self._add_outgoing()
        raise Http404

    def _add_incoming(self) -> HttpResponse:
        form = self._incoming(self.request.POST)
        if not form.is_valid():
            return self._draw(400, incoming_form=form)
        with transaction.atomic():
            hook = form.keep()
            secret = secrets.renew(hook)
            audit.record(self.request.user, "hook.in", str(hook), "done", person=hook.person.username)
        return self._draw(secret=secret, address=_address(hook))

    def _add_outgoing(self) -> HttpResponse:
        form = self._outgoing(self.request.POST)
        if not form.is_valid():
            return self._draw(400, outgoing_form=form)
        if form.made:
            return self._draw(secret=secrets.of(form.made).decode(), address=form.made.url)
        try:
            with transaction.atomic():
                hook = form.keep()
                secret = secrets.renew(hook)
                apps = [app.name for app in form.cleaned_data["apps"]]
                audit.record(self.request.user, "hook.out", hook.name, "done", host=hook.host, apps=apps)
        except IntegrityError:
            return self._add_outgoing()  # the name is taken by now, perhaps by the first of two presses
        return self._draw(secret=secret, address=hook.url)

    def _remove(self, pk: str) -> HttpResponse:
        mine = IncomingHook.objects.filter(app__in=access.managed_apps(self.request.user))
        hook = mine.filter(pk=pk).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None
        if hook is None:
            raise Http404
        with transaction.atomic():
            audit.record(self.request.user, "hook.shut", str(hook), "done")
            hook.delete()
        return redirect("webhooks")

    def _incoming(self, data: Any = None) -> IncomingForm:
        return IncomingForm(data, apps=access.managed_apps(self.request.user), prefix="in")

    def _outgoing(self, data: Any = None) -> OutgoingForm:
        return OutgoingForm(data, by=self.request.user, prefix="out")

    def _draw(self, status: int = 200, **more: Any) -> HttpResponse:
        apps = access.managed_apps(self.request.user)
        mine = IncomingHook.objects.filter(app__in=apps).select_related("app", "person")
        incoming = [
            {"hook": hook, "address": _address(hook), "last": hook.deliveries.order_by("-pk").first()}
            for hook in mine.order_by("app__name", "provider")
        ]
        context = {
            "page": "webhooks",
            "rooms": rail(self.request.user),
            "incoming": incoming,
            "outgoing": kept(self.request.user),
            "incoming_form": self._incoming(),
            "outgoing_form": self._outgoing(),
            "manages": apps.exists(),
        }
        return render(self.request, "webhooks/list.html", context | more, status=status)


@_page
class Hook(View):
    """One outgoing hook with its log."""

    request: MemberRequest

    def get(self, request: MemberRequest, name: str) -> HttpResponse:
        """The newest deliveries."""
        return self._draw(self._found(name))

    def post(self, request: MemberRequest, name: str) -> HttpResponse:
        """Pause it or let it go on, make a new secret, send something again, or remove it."""
        hook, asked = self._found(name), request.POST.get("do", "")
        if asked == "secret":
            with transaction.atomic():
                secret = secrets.renew(hook)
                audit.record(request.user, "hook.secret", hook.name, "done")
            return self._draw(hook, secret=secret)
        with transaction.atomic():
            if asked in ("pause", "go-on"):
                OutgoingHook.objects.filter(pk=hook.pk).update(is_active=asked == "go-on")
                audit.record(request.user, f"hook.{asked}", hook.name, "done")
            elif asked == "remove":
                audit.record(request.user, "hook.drop", hook.name, "done", host=hook.host)
                hook.delete()
                return redirect("webhooks")
            elif asked == "again":
                key = request.POST.get("key", "").replace("\0", "")
                again = hook.deliveries.filter(key=key).exclude(state=Delivery.State.WAITING)
                again.update(state=Delivery.State.WAITING, next_try=timezone.now(), attempts=0)
        return redirect("webhook", hook.name)

    def _found(self, name: str) -> OutgoingHook:
        hook = kept(self.request.user).filter(name=name).first()
        if hook is None:
            raise Http404
        return hook

    def _draw(self, hook: OutgoingHook, **more: Any) -> HttpResponse:
        newest = hook.deliveries.select_related("deployment__app", "deployment__environment").order_by("-pk")[:LISTED]
        rights = access.held(self.request.user)  # who could see a deployment once may not any more
        context = {
            "page": "webhooks",
            "rooms": rail(self.request.user),
            "hook": hook,
            "deliveries": [each for each in newest if _may_view(rights, each.deployment)],
        }
        return render(self.request, "webhooks/hook.html", context | more)


def _may_view(rights: list[GrantRow], deployment: Deployment) -> bool:
    return grants.can(rights, "view", deployment.app.name, deployment.environment.name)


def _address(hook: IncomingHook) -> str:
    return f"{settings.PUBLIC_URL}/hooks/{hook.provider}/{hook.app.name}/"
