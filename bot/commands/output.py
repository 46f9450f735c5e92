"""The command that shows what the steps of a deployment printed. It reads rows, never a server."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from django.conf import settings

from bot.invocation import Reply
from bot.order import Order
from bot.phrases.tables import Cell, phrase, table
from bot.registry import Argument, command
from deploy_core.errors import UnknownName
from deploy_core.models import Deployment, LogChunk, Step

_USUAL, _MOST = 20, 100
_LONGEST = 300
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class Printed(NamedTuple):
    """One line of a step's output: when (ms since 1970), its number, and what it says."""

    at_ms: int
    number: int
    step: Step
    text: str


@command(
    "logs",
    Argument("deployment", "number", is_required=True),
    Argument("pattern", "host"),
    Argument("count", "tail", after="--tail"),
    example="/logs #42 web-1 --tail 50",
)
def logs(order: Order) -> Reply:
    deployment, asked = order.deployment(), order.parsed
    steps = _steps(deployment, asked.hosts)
    limit = min(asked.tail or _USUAL, _MOST)
    found = _newest(steps, asked.grep.lower(), limit)
    told = {
        "number": deployment.pk,
        "app": deployment.app.name,
        "environment": deployment.environment.name,
        "live": {"deployment": deployment.pk} if asked.follow else "",
        "pattern": asked.grep,
    }
    if not found:
        return Reply("logs.none", told, deployment_id=deployment.pk)
    rows: list[list[Cell]] = [
        [phrase(f"step.{line.step.kind}"), line.step.server_name, line.number, line.text] for line in found
    ]
    head = ("step", "server", "line", "text")
    # It may be long, so it is the author's alone; the deployment's page has the whole of it.
    return Reply("logs", {**told, "table": table(head, rows)}, deployment_id=deployment.pk)


def _steps(deployment: Deployment, hosts: tuple[str, ...]) -> dict[int, Step]:
    steps = list(Step.objects.filter(deployment=deployment))
    servers = sorted({step.server_name for step in steps if step.server_name})
    for host in hosts:
        steps = [step for step in steps if fnmatchcase(step.server_name, host)]
        if not steps:
            place = {"app": deployment.app.name, "environment": deployment.environment.name}
            raise UnknownName("unknown_server", given=host, servers=servers, **place)
    return {step.pk: step for step in steps if step.log_lines}


def _newest(steps: dict[int, Step], pattern: str, limit: int) -> list[Printed]:
    """The last `limit` lines that hold `pattern`, the oldest first; nothing is looked at beyond `LOG_SEARCH_BYTES`."""
    found: list[Printed] = []
    for line in _backwards(steps):
        if pattern in line.text.lower():
            found.append(line)
        if len(found) == limit:
            break
    return sorted(found, key=lambda line: (line.at_ms, line.number))


def _backwards(steps: dict[int, Step]) -> Iterator[Printed]:
    read = 0
    for chunk in LogChunk.objects.filter(step__in=list(steps)).order_by("-pk").iterator(chunk_size=20):
        lines = chunk.text.split("\n")[: chunk.count]
        for number, line in reversed(list(enumerate(lines, chunk.first_line))):
            at_ms, _, text = line.partition(" ")
            shown = _COLOUR.sub("", text[2:])
            yield Printed(int(at_ms), number, steps[chunk.step_id], shown[:_LONGEST])
        read += len(chunk.text)
        if read > settings.LOG_SEARCH_BYTES:
            return
