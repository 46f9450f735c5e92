"""Whether whoever acts has just proved who they are. A session carries that, or a code in the command itself."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, Environment, Person


def is_fresh(person: Person) -> bool:
    """Whether `person` gave a second step within PROOF_S, in the session that speaks."""
    return person.proven is not None and timezone.now() - person.proven <= timedelta(seconds=settings.PROOF_S)


#: Whether a code is right for a person, None for who has none: learnt from whoever keeps the people's code apps.
IsRight = Callable[[Person, str], bool | None]
_is_right: IsRight | None = None


def learn(is_right: IsRight) -> None:
    """From now on codes are told right from wrong so."""
    global _is_right
    _is_right = is_right


@transaction.atomic
def give(person: Person, code: str) -> None:
    """Count a code that stands in a command as a second step that was just given. Each counts once, also of two lines
    at the same moment: the second waits until the first's transaction has ended. Call it outside of whatever is taken
    back when the command is refused.

    Raises:
        Refused: `otp_none` (the person has no app for codes), `otp_wrong`, `otp_wait` after too many wrong ones.
    """
    Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    since = timezone.now() - timedelta(seconds=settings.PROOF_S)
    mine = AuditEntry.objects.filter(actor=person, at__gte=since)
    if mine.filter(outcome="otp_wrong").count() >= settings.PROOF_TRIES:
        raise Refused("otp_wait", minutes=max(1, round(settings.PROOF_S / 60)))
    digest = hashlib.sha256(f"{person.pk}:{code}".encode()).hexdigest()
    is_right = _is_right(person, code) if _is_right else None
    if is_right is None:
        raise Refused("otp_none", where=f"{settings.PUBLIC_URL}/accounts/code-app/")
    if not is_right or mine.filter(action="proof.code", params__digest=digest).exists():
        raise Refused("otp_wrong")
    audit.record(person, "proof.code", person.username, "done", digest=digest)
    person.proven = timezone.now()


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
