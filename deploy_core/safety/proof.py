"""Whether whoever acts has just proved who they are. Only a session can carry that: a token or Slack never does."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.models import Environment, Person


def is_fresh(person: Person) -> bool:
    """Whether `person` gave a second step within PROOF_S, in the session that speaks."""
    return person.proven is not None and timezone.now() - person.proven <= timedelta(seconds=settings.PROOF_S)


def require(environment: Environment, by: Person) -> None:
    """
    Raises:
        Refused: `proof_wanted`, with the address where one is given.
    """
    if environment.needs_proof and not is_fresh(by):
        raise Refused(
            "proof_wanted",
            app=environment.app.name,
            environment=environment.name,
            minutes=max(1, round(settings.PROOF_S / 60)),
            where=f"{settings.PUBLIC_URL}/accounts/prove/",
        )


def require_at_request(environment: Environment, by: Person) -> None:
    """The same, where nobody is asked later: else the yes of whoever confirms or approves carries the proof.

    Raises:
        Refused: as `require`.
    """
    if not (environment.is_protected or environment.approvals_needed):
        require(environment, by)
