"""Who may see what through a room: every subscription, range, snapshot, page and log asks here."""

from collections.abc import Iterable

from chatops.room.models import Membership, Room, Stream
from deploy_core.models import Deployment, Environment, Person, Step
from deploy_core.rules import grants
from deploy_core.safety import access as rights


def is_member(person_id: int, room_id: int) -> bool:
    """Whether the person is in the room."""
    return Membership.objects.filter(person_id=person_id, room_id=room_id).exists()


def may_see(person: Person, stream: Stream) -> bool:
    """Whether `person` may follow `stream`. A stream that does not exist is nobody's."""
    match stream.kind:
        case "room":
            return is_member(person.pk, stream.id)
        case "person":
            return person.pk == stream.id
        case "deployment":
            return _sees(person, Deployment.objects.filter(pk=stream.id).values_list(*_PLACE).first())
        case "log":
            place = [f"deployment__{name}" for name in _PLACE]
            return _sees(person, Step.objects.filter(pk=stream.id).values_list(*place).first())
    return False


_PLACE = ("app_id", "app__name", "environment__name")


def _sees(person: Person, place: tuple[int, str, str] | None) -> bool:
    """Whether a viewer's grant, or membership of a room that follows the app, shows the person this environment."""
    if place is None:
        return False
    app_id, app, environment = place
    return Room.objects.filter(apps=app_id, members=person).exists() or rights.can(person, "view", app, environment)


def visible_environments(person: Person) -> set[int]:
    """The ids of all environments whose deployments `person` may see."""
    followed = set(Room.objects.filter(members=person).values_list("apps", flat=True))
    held = rights.held(person)
    return {
        pk
        for pk, app_id, app, environment in Environment.objects.values_list("pk", "app_id", "app__name", "name")
        if app_id in followed or grants.can(held, "view", app, environment)
    }


def visible(person: Person, deployments: Iterable[int]) -> list[int]:
    """Those of `deployments` (ids) that `person` may see, newest first."""
    return list(
        Deployment.objects.filter(pk__in=list(deployments), environment__in=visible_environments(person))
        .order_by("-pk")
        .values_list("pk", flat=True)
    )
