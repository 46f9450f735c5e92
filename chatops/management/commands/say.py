"""`manage.py say`: type a line in a room from a shell, as somebody, on the same road as everywhere."""

import logging
import sys
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from bot import phrases
from chatops.room import messages
from chatops.room.models import Room
from deploy_core.errors import Refused
from deploy_core.models import JournalEntry, Person
from deploy_core.rules.states import DeploymentState
from deploy_core.rules.status import ENDED, Status, StepStatus
from deploy_core.run import heartbeat

#: Exit statuses: accepted, or with --wait succeeded; any other end; refused; no engine; somebody has to answer first.
DONE, ENDED_OTHERWISE, REFUSED, NO_ENGINE, WAITS_FOR_A_PERSON = range(5)
_WAITING_FOR_A_PERSON = frozenset({Status.AWAITING_CONFIRMATION, Status.AWAITING_APPROVAL})


class Command(BaseCommand):
    help = (
        "Type LINE in a room. Exit: 0 accepted (--wait: succeeded), 1 ended otherwise, 2 refused, 3 no engine, 4 waits."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--room", required=True, help="the room's name")
        parser.add_argument("--as", dest="person", required=True, metavar="USER", help="who says it")
        parser.add_argument("--wait", action="store_true", help="follow the deployment to its end")
        parser.add_argument("line", metavar="LINE")

    def handle(self, *args: Any, room: str, person: str, wait: bool, line: str, **options: Any) -> None:
        """Say it; the exit status tells what came of it."""
        logging.disable(logging.INFO)  # what there is to say is said below
        author = Person.objects.filter(username=person, is_active=True).first()
        place = Room.objects.select_related("default_app").filter(slug=room, members=author).first()
        if author is None or place is None:
            self.stderr.write(f"There is no room {room!r} with {person!r} in it.")
            sys.exit(REFUSED)
        cid = f"say-{uuid.uuid4()}"
        try:
            outcome = messages.post(author=author, room=place, text=line, client_id=cid, surface="shell")
        except Refused as refused:
            self.stderr.write(phrases.render_text(refused.code, refused.params))
            sys.exit(REFUSED)
        if reply := outcome["reply"]:
            words = phrases.render_text(reply["code"], reply["params"])
            (self.stderr if reply["is_error"] else self.stdout).write("\n".join([words, *reply["suggest"]]))
        if outcome["result"] == "error":
            sys.exit(REFUSED)
        if wait and outcome["deployment"]:
            sys.exit(self._follow(outcome["deployment"]))

    def _follow(self, deployment: int) -> int:
        """Print what happens to a deployment until it ends; the exit status."""
        state = DeploymentState(deployment)
        silent_since = time.monotonic()
        while True:
            for entry in _news(state):
                for line in _told(state, entry):
                    self.stdout.write(line)
                self.stdout.flush()
            if state.status in ENDED:
                return DONE if state.status == Status.SUCCEEDED else ENDED_OTHERWISE
            if state.status in _WAITING_FOR_A_PERSON:
                return WAITS_FOR_A_PERSON
            if heartbeat.is_alive(settings.EXECUTOR_SILENT_S):
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > settings.NO_ENGINE_S:
                self.stderr.write(f"No engine was alive for {settings.NO_ENGINE_S:g} s: #{deployment} waits for one.")
                return NO_ENGINE
            time.sleep(settings.SAY_POLL_S)


def _news(state: DeploymentState) -> Iterator[JournalEntry]:
    """The entries that `state` has not seen, each applied to it as it is given."""
    for entry in JournalEntry.objects.filter(deployment=state.id, number__gt=state.number).order_by("number"):
        state.apply(entry)
        yield entry


def _told(state: DeploymentState, entry: JournalEntry) -> Iterator[str]:
    """An entry as lines of a shell: how a step ended, how the deployment stands, and why."""
    if entry.kind == "step.moved":
        step = state.steps[entry.payload["key"]]
        if step.finished_at is None or step.status == StepStatus.SKIPPED:
            return
        took = f"{(step.finished_at - (step.started_at or step.finished_at)).total_seconds():5.1f} s"
        yield f"  {took}  {step.key}: {phrases.render(f'status.{step.status}', {})}"
        yield from (f"           | {line}" for line in step.params.get("tail", ()))
    elif entry.kind == "deployment.moved":
        why = phrases.render(state.reason, state.params) if state.reason else ""
        yield f"#{state.id} {phrases.render(f'status.{state.status}', {})}. {why}".rstrip()
