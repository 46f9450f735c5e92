"""Breaking the glass, and the reviews of when somebody did."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from bot import phrases
from chatops.accounts import proof
from chatops.room import access as room_access
from chatops.room.views import MemberRequest, rail
from chatops.trust.people import manages_all
from deploy_core import emergency
from deploy_core.errors import DeployError
from deploy_core.ledger import audit
from deploy_core.models import BreakGlass, Environment
from deploy_core.rules import repository
from deploy_core.safety import access

_page = method_decorator([never_cache, login_required], name="dispatch")


@_page
class Break(View):
    """Deploy without the approvals that an environment wants: whoever does so proves anew who they are."""

    request: MemberRequest

    def get(self, request: MemberRequest, app: str, name: str) -> HttpResponse:
        """What it means, and the form."""
        return self._draw(self._found(app, name))

    def post(self, request: MemberRequest, app: str, name: str) -> HttpResponseBase:
        """Do it, or say why not. A refusal is audited too."""
        environment = self._found(app, name)
        if asked := proof.wanted(request):
            return asked
        ref, reason = (request.POST.get(field, "").strip().replace("\0", "")[:500] for field in ("ref", "reason"))
        if ref and not repository.is_ref_name(ref):
            return self._draw(environment, 400, trouble=phrases.render_text("bad_ref", {"ref": ref[:200]}))
        try:
            deployment = emergency.break_glass(
                environment.app, ref, environment, by=request.user, reason=reason, surface="web"
            )
        except DeployError as error:
            audit.record(request.user, "glass.break", str(environment), error.code)
            return self._draw(environment, 409, trouble=phrases.render_text(error.code, error.params))
        return redirect("deployment", deployment.pk)

    def _found(self, app: str, name: str) -> Environment:
        found = Environment.objects.filter(app__name=app, name=name).select_related("app").first()
        if found is None or not access.can(self.request.user, "deploy", app, name):
            raise Http404
        return found

    def _draw(self, environment: Environment, status: int = 200, **more: Any) -> HttpResponse:
        told = {
            "environment": environment,
            "asked": access.who_can("approve", environment.app.name, environment.name),
            "ref": self.request.POST.get("ref", ""),
            "reason": self.request.POST.get("reason", ""),
            "least": emergency.LEAST_REASON,
            "page": "reviews",
            "rooms": rail(self.request.user),
        }
        return render(self.request, "trust/break_glass.html", told | more, status=status)


@_page
class Reviews(View):
    """Every time the glass was broken where one may look; open ones first, each to be signed by somebody else."""

    request: MemberRequest

    def get(self, request: MemberRequest) -> HttpResponse:
        """The list."""
        return self._draw()

    def post(self, request: MemberRequest) -> HttpResponse:
        """Sign one (`review`: its number), with a word about it (`note`)."""
        given = request.POST.get("review", "")
        pk = int(given) if given.isdecimal() and len(given) < 19 else 0
        broken = next((each for each in self._seen() if each.pk == pk), None)
        if broken is None:
            raise Http404
        try:
            emergency.sign(broken, by=request.user, note=request.POST.get("note", "").replace("\0", ""))
        except DeployError as error:
            audit.record(request.user, "glass.sign", f"#{broken.deployment_id}", error.code)
            return self._draw(409, trouble=phrases.render_text(error.code, error.params), at=broken.pk)
        return redirect("reviews")

    def _seen(self) -> list[BreakGlass]:
        places = room_access.visible_environments(self.request.user)
        return [each for each in emergency.reviews()[:500] if each.deployment.environment_id in places]

    def _draw(self, status: int = 200, **more: Any) -> HttpResponse:
        told = {
            "reviews": self._seen(),
            "manages": manages_all(self.request.user),
            "page": "reviews",
            "rooms": rail(self.request.user),
        }
        return render(self.request, "trust/reviews.html", told | more, status=status)
