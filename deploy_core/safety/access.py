"""Whether a person may do something: their grants, asked of the pure rule. Rooms add their own view on top."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db.models import Q, QuerySet

from deploy_core.errors import Forbidden
from deploy_core.models import App, Grant, Person
from deploy_core.models.statements import fetch
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

#: All that `person` may view, by name, and more apps that are named.
_SEEN = """
    SELECT app.id, app.name, app.repository, place.name
    FROM deploy_core_app app LEFT JOIN deploy_core_environment place ON place.app_id = app.id
    WHERE app.name IN ({more}) OR app.id IN (SELECT app_id {mine}) OR EXISTS (SELECT 1 {mine} AND app_id IS NULL)
    ORDER BY place.position, place.id
"""
_MINE = """
    FROM deploy_core_grant WHERE role IN ({roles}) AND (person_id = %s
       OR team_id IN (SELECT team_id FROM deploy_core_team_people WHERE person_id = %s))
"""


class Named(NamedTuple):
    """An app, and the names of its environments in their order."""

    pk: int
    repository: str
    environments: list[str]


def held(person: Person) -> list[GrantRow]:
    """What `person` is granted, by name and through teams. Nothing for whoever is inactive."""
    if not person.is_active:
        return []
    return [GrantRow(*row) for row in fetch(_HELD, (EVERYWHERE, person.pk, person.pk))]


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


def seen(person: Person, more: Collection[str] = ()) -> dict[str, Named]:
    """By name: the apps that a grant shows to `person`, and those of `more`. Nothing for whoever is inactive.

    One statement for all names that a line may use: most lines need the rows of one app and environment at most.
    """
    marks = ", ".join(["%s"] * len(more)) or "NULL"
    mine = _MINE.format(roles=", ".join(["%s"] * len(grants.ROLES)))
    asked = (*grants.ROLES, person.pk, person.pk)
    rows = fetch(_SEEN.format(more=marks, mine=mine), (*more, *asked, *asked)) if person.is_active else ()
    found: dict[str, Named] = {}
    for pk, name, repository, environment in rows:
        of_app = found.setdefault(name, Named(pk, repository, [])).environments
        if environment is not None:
            of_app.append(environment)
    return dict(sorted(found.items()))


def _granted(person: Person) -> QuerySet[Grant]:
    return Grant.objects.filter(Q(person=person) | Q(team__in=person.teams.all()))


def _holders(grant: Grant) -> Iterable[int]:
    if grant.team is None:
        return [grant.person_id] if grant.person_id else []
    return [person.pk for person in grant.team.people.all()]


def _row(grant: Grant) -> GrantRow:
    return GrantRow(grant.role, grant.app.name if grant.app else EVERYWHERE, grant.environment)
