"""Breaking the glass: to deploy alone where others would have to agree, seen by everybody and looked at afterwards.

It is a path of its own, not a switch: a reason, the people who would have been asked are told at once, and a review
stays open until one of them has signed it.
"""

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from deploy_core import deployments
from deploy_core.errors import Refused
from deploy_core.ledger import audit, notices
from deploy_core.models import App, BreakGlass, Deployment, Environment, Person
from deploy_core.safety import access
from deploy_core.safety.gates import Wish

#: Whoever reads the review wants to know more than "urgent".
LEAST_REASON = 12


@transaction.atomic
def break_glass(app: App, ref: str, environment: Environment, *, by: Person, reason: str, surface: str) -> Deployment:
    """A new deployment that waits for no approval, lock or freeze.

    Raises:
        Forbidden: `by` may not deploy there.
        Refused: as `deployments.request`; `reason_too_short`; `no_glass`: nobody's approval is wanted there.
    """
    access.require(by, "deploy", app.name, environment.name)
    if not environment.approvals_needed:
        raise Refused("no_glass", app=app.name, environment=environment.name)
    if len(reason.strip()) < LEAST_REASON:
        raise Refused("reason_too_short", least=LEAST_REASON)
    wish = Wish(force=True, because=reason.strip()[:500], breaks_glass=True)
    deployment = deployments.request(app, ref, environment, by=by, surface=surface, wish=wish)
    asked = [name for name in access.who_can("approve", app.name, environment.name) if name != by.username]
    broken = BreakGlass.objects.create(deployment=deployment, person=by, reason=wish.because, told=asked)
    params = {
        "number": deployment.pk,
        "by": by.username,
        "app": app.name,
        "environment": environment.name,
        "reason": wish.because,
    }
    notices.tell("announce.glass_broken", params, app=app)
    for person in Person.objects.filter(username__in=asked):
        notices.tell("glass_review_wanted", params | {"where": f"{settings.PUBLIC_URL}/reviews/"}, person=person)
    audit.record(by, "glass.break", _target(broken), "done", reason=wish.because, told=asked)
    return deployment


@transaction.atomic
def sign(broken: BreakGlass, *, by: Person, note: str) -> BreakGlass:
    """`by` looked at it and says so, with a word about what was found.

    Raises:
        Forbidden: `by` may not approve there.
        Refused: `own_glass`: they broke it themselves; `already_signed`; `reason_required`.
    """
    deployment = broken.deployment
    access.require(by, "approve", deployment.app.name, deployment.environment.name)
    if broken.person_id == by.pk:
        raise Refused("own_glass", number=deployment.pk)
    if not note.strip():
        raise Refused("reason_required")
    waiting = BreakGlass.objects.filter(pk=broken.pk, signed__isnull=True)
    if not waiting.update(signed_by=by, signed=timezone.now(), note=note.strip()[:500]):
        raise Refused("already_signed", number=deployment.pk)
    audit.record(by, "glass.sign", _target(broken), "done", note=note.strip()[:500], broken_by=broken.person.username)
    broken.refresh_from_db()
    return broken


def reviews() -> QuerySet[BreakGlass]:
    """All of them, those that wait for a signature first, then the newest."""
    related = ("deployment__app", "deployment__environment", "person", "signed_by")
    return BreakGlass.objects.select_related(*related).order_by(F("signed").desc(nulls_first=True), "-pk")


def _target(broken: BreakGlass) -> str:
    return f"{broken.deployment.environment} #{broken.deployment_id}"
