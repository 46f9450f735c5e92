"""Who may see and change what of the fleet.

Apps and environments are managed by who manages them. Servers, groups and logins belong to no app: they are changed
by who manages everything, and a server is seen by who may view an environment on it.
"""

from django.db.models import QuerySet

from chatops.room import access as room_access
from deploy_core.models import App, Credential, Environment, Group, Person, Placement, Server
from deploy_core.rules import grants
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access as rights


def manages_all(person: Person) -> bool:
    """Whether `person` manages every environment of every app."""
    return rights.can(person, "manage", EVERYWHERE, EVERYWHERE)


def manages(person: Person, app: str, environment: str = EVERYWHERE) -> bool:
    """Whether `person` manages this app, or this one environment of it."""
    return rights.can(person, "manage", app, environment)


def apps(person: Person) -> QuerySet[App]:
    """The apps of which `person` may see something."""
    seen = room_access.visible_environments(person)
    return App.objects.filter(pk__in=_apps_of(seen) | _granted(person)).order_by("name")


def environments(person: Person) -> QuerySet[Environment]:
    """The environments that `person` may see."""
    return Environment.objects.filter(pk__in=room_access.visible_environments(person)).select_related("app")


def servers(person: Person) -> QuerySet[Server]:
    """The servers that `person` may see."""
    found = Server.objects.order_by("name")
    if manages_all(person):
        return found
    seen = Placement.objects.filter(environment__in=room_access.visible_environments(person))
    return found.filter(pk__in=seen.values("server"))


def placeable(person: Person) -> QuerySet[Server]:
    """The servers that `person` may put an environment on: who deploys to a server runs commands there, so it takes
    more than seeing it; one must manage an environment that is there already, or everything.
    """
    if manages_all(person):
        return servers(person)
    placed = Placement.objects.filter(server__in=servers(person)).select_related("environment__app")
    rows = rights.held(person)
    managed = {
        each.server_id
        for each in placed
        if grants.can(rows, "manage", each.environment.app.name, each.environment.name)
    }
    return Server.objects.filter(pk__in=managed).order_by("name")


def groups(person: Person) -> QuerySet[Group]:
    """The groups that hold a server that `person` may see, or all."""
    found = Group.objects.order_by("name")
    return found if manages_all(person) else found.filter(servers__in=servers(person)).distinct()


def credentials(person: Person) -> QuerySet[Credential]:
    """The ways to log in: nobody else's business."""
    return Credential.objects.order_by("name") if manages_all(person) else Credential.objects.none()


def _apps_of(environments: set[int]) -> set[int]:
    return set(Environment.objects.filter(pk__in=environments).values_list("app", flat=True))


def _granted(person: Person) -> set[int]:
    """Those that a grant shows as a whole, also before they have an environment."""
    return set(rights.visible_apps(person).values_list("pk", flat=True))
