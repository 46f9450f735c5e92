"""Whether a person may do something: their grants, asked of the pure rule. Rooms add their own view on top."""

from django.db.models import Q, QuerySet

from deploy_core.errors import Forbidden
from deploy_core.models import App, Grant, Person
from deploy_core.rules import grants
from deploy_core.rules.grants import EVERYWHERE, GrantRow


def can(person: Person, action: str, app: str, environment: str) -> bool:
    """Whether `person` may do `action` to the app and environment of these names; nobody inactive may do anything."""
    return person.is_active and grants.can(_rows(Q(person=person)), action, app, environment)


def require(person: Person, action: str, app: str, environment: str) -> None:
    """
    Raises:
        Forbidden: with `allowed`, the names of up to five people who may.
    """
    if not can(person, action, app, environment):
        raise Forbidden(
            who=person.username,
            action=action,
            app=app,
            environment=environment,
            allowed=who_can(action, app, environment)[:5],
        )


def who_can(action: str, app: str, environment: str) -> list[str]:
    """The names of the active people who may, sorted."""
    people = Person.objects.filter(is_active=True, kind=Person.Kind.PERSON, grants__isnull=False).distinct()
    held: dict[int, list[GrantRow]] = {}
    for row in Grant.objects.select_related("app"):
        held.setdefault(row.person_id, []).append(_row(row))
    return sorted(person.username for person in people if grants.can(held[person.pk], action, app, environment))


def visible_apps(person: Person) -> QuerySet[App]:
    """The apps that a grant shows to `person`, by name."""
    if not person.is_active:
        return App.objects.none()
    if person.grants.filter(app__isnull=True, role__in=grants.ROLES).exists():
        return App.objects.order_by("name")
    return App.objects.filter(grants__person=person, grants__role__in=grants.ROLES).distinct().order_by("name")


def _rows(which: Q) -> list[GrantRow]:
    return [_row(grant) for grant in Grant.objects.filter(which).select_related("app")]


def _row(grant: Grant) -> GrantRow:
    return GrantRow(grant.role, grant.app.name if grant.app else EVERYWHERE, grant.environment)
