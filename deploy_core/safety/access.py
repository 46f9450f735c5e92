"""Whether a person may do something: their grants, asked of the pure rule. Rooms add their own view on top."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import Q, QuerySet

from deploy_core.errors import Forbidden
from deploy_core.models import App, Grant, Person
from deploy_core.rules import grants
from deploy_core.rules.grants import EVERYWHERE, GrantRow

#: Asked several times for every line, where the ORM takes longer to put it together than the database to answer it.
_HELD = """
    SELECT held.role, coalesce(app.name, %s), held.environment
    FROM deploy_core_grant held LEFT JOIN deploy_core_app app ON app.id = held.app_id
    WHERE held.person_id = %s
       OR held.team_id IN (SELECT team_id FROM deploy_core_team_people WHERE person_id = %s)
    ORDER BY held.id
"""


def held(person: Person) -> list[GrantRow]:
    """What `person` is granted, by name and through teams. Nothing for whoever is inactive."""
    if not person.is_active:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [EVERYWHERE, person.pk, person.pk])
        return [GrantRow(*row) for row in cursor.fetchall()]


def can(person: Person, action: str, app: str, environment: str) -> bool:
    """Whether `person` may do `action` to the app and environment of these names; nobody inactive may do anything."""
    return grants.can(held(person), action, app, environment)


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
    rows: dict[int, list[GrantRow]] = {}
    for grant in Grant.objects.select_related("app", "team").prefetch_related("team__people"):
        for pk in _holders(grant):
            rows.setdefault(pk, []).append(_row(grant))
    people = Person.objects.filter(is_active=True, kind=Person.Kind.PERSON, pk__in=rows)
    return sorted(person.username for person in people if grants.can(rows[person.pk], action, app, environment))


def visible_apps(person: Person) -> QuerySet[App]:
    """The apps that a grant shows to `person`, by name."""
    if not person.is_active:
        return App.objects.none()
    mine = _granted(person).filter(role__in=grants.ROLES)
    if mine.filter(app__isnull=True).exists():
        return App.objects.order_by("name")
    return App.objects.filter(pk__in=mine.values("app")).order_by("name")


def managed_apps(person: Person) -> QuerySet[App]:
    """The apps that `person` manages as a whole, by name."""
    rows = held(person)
    names = [app.name for app in visible_apps(person) if grants.can(rows, "manage", app.name, EVERYWHERE)]
    return App.objects.filter(name__in=names).order_by("name")


def _granted(person: Person) -> QuerySet[Grant]:
    return Grant.objects.filter(Q(person=person) | Q(team__in=person.teams.all()))


def _holders(grant: Grant) -> Iterable[int]:
    if grant.team is None:
        return [grant.person_id] if grant.person_id else []
    return [person.pk for person in grant.team.people.all()]


def _row(grant: Grant) -> GrantRow:
    return GrantRow(grant.role, grant.app.name if grant.app else EVERYWHERE, grant.environment)
