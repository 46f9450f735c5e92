"""What every page of a deployment asks first: may this person see it, and which number does the address say."""

from django.http import Http404, HttpRequest

from chatops.room import access
from chatops.room.models import Stream
from deploy_core.models import Person

#: The greatest number that a database's key can be.
MOST = 2**63 - 1


def require(person: Person, number: int) -> None:
    """
    Raises:
        Http404: there is no such deployment, or the person may not see it; which of the two is not said.
    """
    if number > MOST or not access.may_see(person, Stream("deployment", number)):
        raise Http404


def number_of(request: HttpRequest, name: str) -> int | None:
    """The whole number that `?name=` says; None where it says none."""
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
