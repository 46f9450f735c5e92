"""`manage.py demo --check`: the whole road without a browser. People type lines; servers are asked what they run."""

import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Max, Min
from django.urls import reverse

from chatops.accounts import links
from chatops.demo import seed, visit
from chatops.room import messages
from chatops.room.models import Room
from deploy_core.models import Deployment, Environment, Person, Step
from deploy_core.rules.status import ENDED, Status

#: The most that one deployment may take before the check gives up on it.
PATIENCE_S = 300.0
POLL_S = 0.05

Say = Callable[[str], None]


class Wrong(Exception):
    """Something is not as it must be; the text says what was found."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line that a person types, how it must end, and what the servers of an environment must then run."""

    person: str
    line: str
    ends: str
    environment: str
    version: str


CASES = (
    Case("alice", "/deploy shop to staging", Status.SUCCEEDED, "staging", "1.2.0"),
    Case("alice", "/deploy shop/feature/banner to staging", Status.SUCCEEDED, "staging", "1.3.0-banner"),
    Case("alice", "/rollback shop in staging", Status.SUCCEEDED, "staging", "1.2.0"),
    Case("bob", "/deploy shop/broken to production", Status.ROLLED_BACK, "production", "1.1.0"),
    Case("carol", "/deploy shop to staging", "no_permission", "staging", "1.2.0"),
    Case("alice", "/deploy shop/nowhere to staging", Status.FAILED, "staging", "1.2.0"),
)


def run(say: Say) -> bool:
    """Whether every case came out as it must; each is told in one line."""
    began = time.monotonic()
    try:
        say(f"ok    alice comes in by her link and opens the room: {_come_in('alice'):.2f} s for the page")
        first = wait_for(Deployment.objects.get(environment__name="production", kind=Deployment.Kind.DEPLOY))
        _expect(first.status, Status.SUCCEEDED, first)
        _expect_version("production", "1.1.0")
        say(f"ok    production runs 1.1.0, deployed by the demo itself: {timing(first)}")
        for case in CASES:
            say(f"ok    {case.person}: {case.line}: {_try(case)}")
    except Wrong as wrong:
        say(f"FAIL  {wrong}")
        return False
    say(f"All as it must be, in {time.monotonic() - began:.1f} s.")
    return True


def _come_in(name: str) -> float:
    link = reverse("link", args=[links.issue(Person.objects.get(username=name))])
    try:
        return visit.sign_in(settings.PUBLIC_URL, link, reverse("room", args=[seed.ROOM]))
    except (OSError, RuntimeError) as error:
        raise Wrong(f"{name} does not come in: {error}") from error


def _try(case: Case) -> str:
    """Type the line and follow it to its end; what came of it, with its timing."""
    try:
        outcome = type_line(case.person, case.line)
        number = outcome.get("deployment")
        if number is None:
            reply = outcome.get("reply") or {}
            _expect(str(reply.get("code")), case.ends)
            _expect_version(case.environment, case.version)
            return case.ends
        deployment = wait_for(Deployment.objects.get(pk=number))
        _expect(deployment.status, case.ends, deployment)
        _expect_version(case.environment, case.version)
    except Wrong as wrong:
        raise Wrong(f"{case.person}: {case.line}: {wrong}") from None
    return f"{deployment.status}{f' ({deployment.reason})' if deployment.reason else ''}, {timing(deployment)}"


def type_line(person: str, line: str) -> messages.Outcome:
    """A line typed in the demo's room."""
    return messages.post(
        author=Person.objects.get(username=person),
        room=Room.objects.get(slug=seed.ROOM),
        text=line,
        client_id=f"demo-{uuid.uuid4().hex}",
        surface="shell",
    )


def wait_for(deployment: Deployment) -> Deployment:
    """The deployment once it has ended.

    Raises:
        Wrong: it did not end in time.
    """
    end = time.monotonic() + PATIENCE_S
    while deployment.status not in ENDED:
        if time.monotonic() > end:
            raise Wrong(f"#{deployment.pk} is still {deployment.status} after {PATIENCE_S:.0f} s")
        time.sleep(POLL_S)
        deployment.refresh_from_db()
    return deployment


def timing(deployment: Deployment) -> str:
    """From the first step's start to the last step's end less the build, and the build, by the journal's own times."""
    span = deployment.steps.aggregate(start=Min("started"), end=Max("finished"))
    if not span["start"] or not span["end"]:
        return "no step ran"
    whole: timedelta = span["end"] - span["start"]
    build = sum((_took(step) for step in deployment.steps.filter(kind="build")), timedelta())
    rest = (whole - build).total_seconds()
    return f"{rest:.2f} s and {build.total_seconds():.2f} s of build"


def _took(step: Step) -> timedelta:
    return step.finished - step.started if step.started and step.finished else timedelta()


def _expect(found: str, wanted: str, deployment: Deployment | None = None) -> None:
    if found == wanted:
        return
    why = ""
    if deployment is not None:
        steps = deployment.steps.exclude(reason="").values_list("key", "status", "reason", "reason_params")
        why = f" ({deployment.reason} {deployment.reason_params}; {'; '.join(map(str, steps))})"
    raise Wrong(f"it is {found}{why} where {wanted} was to come")


def _expect_version(environment: str, version: str) -> None:
    """
    Raises:
        Wrong: a server does not answer, or with another version.
    """
    for server, port in shop_ports(environment):
        found = ask_version(port)
        if found != {"version": version, "environment": environment}:
            raise Wrong(f"{server} ({environment}, port {port}) answers {found} where {version} was to run")


def shop_ports(environment: str) -> list[tuple[str, int]]:
    """The name of each server of an environment, and where its copy of the shop listens."""
    rows = Environment.objects.get(app__name=seed.APP, name=environment).placements.select_related("server")
    return [(row.server.name, int(row.variables["PORT"])) for row in rows]


def ask_version(port: int) -> dict[str, str]:
    """Version and environment as the running copy says them; {} when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/version")
        facts = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return {"version": facts["version"], "environment": facts["environment"]}
