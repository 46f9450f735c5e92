"""Changes of who may do what: each audited with its act, and none that leaves nobody who manages everything."""

from typing import Any

from django.db import IntegrityError, transaction

from deploy_core.errors import Refused
from deploy_core.ledger import audit
from deploy_core.models import App, Grant, Person, Team, sequence
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access


def grant(to: Person | Team, *, by: Person, role: str, app: App | None, environment: str) -> None:
    """Give a role; twice is once."""
    holder = {"person": to} if isinstance(to, Person) else {"team": to}
    try:
        with transaction.atomic():
            Grant.objects.create(role=role, app=app, environment=environment, **holder)
    except IntegrityError:
        return
    _tell(by, "grant.add", to, role, app, environment)


def revoke(found: Grant, *, by: Person) -> None:
    """Take a role away.

    Raises:
        Refused: `last_manager`: nobody would be left who manages everything.
    """
    found.delete()
    require_a_manager()
    holder = found.person or found.team
    assert holder is not None  # noqa: S101  a constraint of the table
    _tell(by, "grant.remove", holder, found.role, found.app, found.environment)


def activate(person: Person, *, by: Person) -> None:
    """Let somebody in again, with what they were granted."""
    if Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        audit.record(by, "person.activate", person.username, "done")


@transaction.atomic
def deactivate(person: Person, *, by: Person) -> None:
    """Keep somebody out. What they scheduled, locked and approved lapses.

    Raises:
        Refused: `yourself`, `last_manager`.
    """
    if person.pk == by.pk:
        raise Refused("yourself")
    found = Person.objects.select_for_update(no_key=True).filter(pk=person.pk, is_active=True).first()
    if found:
        found.is_active = False
        found.save(update_fields=["is_active"])  # not by `update`: whoever is connected is put out by the signal
        require_a_manager()
        audit.record(by, "person.deactivate", person.username, "done")


def keep_team(form: Any, *, by: Person) -> None:
    """Save who is in a team.

    Raises:
        Refused: `last_manager`.
    """
    before = set(form.instance.people.values_list("username", flat=True))
    team = form.save()
    require_a_manager()
    after = set(team.people.values_list("username", flat=True))
    audit.record(by, "team.change", team.name, "done", added=sorted(after - before), removed=sorted(before - after))


def remove_team(team: Team, *, by: Person) -> None:
    """Remove a team with its grants.

    Raises:
        Refused: `last_manager`.
    """
    Team.objects.filter(pk=team.pk).delete()  # not the object's own: a refusal still shows it
    require_a_manager()
    audit.record(by, "team.remove", team.name, "done")


@transaction.atomic
def require_a_manager() -> None:
    """Whoever took something away asks, in the same transaction.

    Raises:
        Refused: `last_manager`.
    """
    # One after the other: two who each take away the other's manager would both see the one that is left.
    sequence.hold_installation()
    if not access.who_can("manage", EVERYWHERE, EVERYWHERE):
        raise Refused("last_manager")


def require_person(person: Person) -> None:
    """
    Raises:
        Refused: `no_way_in`: a service, or somebody inactive.
    """
    if person.kind == Person.Kind.SERVICE or not person.is_active:
        raise Refused("no_way_in")


def _tell(by: Person, action: str, holder: Person | Team, role: str, app: App | None, environment: str) -> None:
    target = holder.username if isinstance(holder, Person) else f"team {holder.name}"
    audit.record(by, action, target, "done", role=role, app=app.name if app else EVERYWHERE, environment=environment)
