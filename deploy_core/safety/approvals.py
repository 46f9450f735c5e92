"""Who said yes or no to a plan. A yes counts for the hash it was given for, and while its person may approve."""

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.models import Approval, BreakGlass, Deployment, Environment, Person

from . import access, fingerprint, proof


def missing(deployment: Deployment) -> int:
    """How many more people must say yes."""
    needed = deployment.environment.approvals_needed
    if not needed or is_emergency(deployment):
        return 0
    return max(0, needed - len(given(deployment)))


def is_emergency(deployment: Deployment) -> bool:
    """Whether its author broke glass for it: it waits for nobody, and somebody looks at it afterwards."""
    return BreakGlass.objects.filter(deployment=deployment).exists()


def glass(environment: Environment) -> str:
    """The address where one goes past everything that `environment` wants; "" where nobody's approval is wanted."""
    if not environment.approvals_needed:
        return ""
    return f"{settings.PUBLIC_URL}/reviews/break/{environment.app.name}/{environment.name}/"


def given(deployment: Deployment) -> list[str]:
    """The names of those whose yes counts now."""
    app, environment = deployment.app.name, deployment.environment.name
    rows = Approval.objects.filter(deployment=deployment, plan_hash=deployment.plan_hash, is_yes=True)
    rows = rows.filter(person__kind=Person.Kind.PERSON).exclude(person=deployment.requested_by_id)
    people = [row.person for row in rows.select_related("person")]
    return [person.username for person in people if access.can(person, "approve", app, environment)]


def wanted(deployment: Deployment) -> dict[str, Any]:
    """Who is asked, as the parameters of a sentence."""
    people = access.who_can("approve", deployment.app.name, deployment.environment.name)
    asked = [name for name in people if name not in (deployment.requested_by.username, *given(deployment))]
    return {"needed": missing(deployment), "people": asked}


def answer(deployment: Deployment, *, by: Person, is_yes: bool, comment: str = "") -> None:
    """Store one person's answer to the plan as it stands.

    Raises:
        Forbidden: `by` may not approve there.
        Refused: `self_approval`, `already_answered`, or `plan_changed`: what was planned would come out otherwise now;
            `proof_wanted`; `service_approval`: two people are wanted, and a service is none. It may say no.
    """
    access.require(by, "approve", deployment.app.name, deployment.environment.name)
    if is_yes and by.kind == Person.Kind.SERVICE:
        raise Refused("service_approval", number=deployment.pk, who=by.username)
    if by.pk == deployment.requested_by_id:
        raise Refused("self_approval", number=deployment.pk)
    if is_yes and not fingerprint.is_still_true(deployment):
        raise Refused("plan_changed", number=deployment.pk)
    if is_yes:
        proof.require(deployment.environment, by)
    try:
        with transaction.atomic():
            Approval.objects.create(
                deployment=deployment,
                plan_hash=deployment.plan_hash,
                person=by,
                is_yes=is_yes,
                comment=comment,
                at=timezone.now(),
            )
    except IntegrityError:
        raise Refused("already_answered", number=deployment.pk) from None
