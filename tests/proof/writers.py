"""Processes that write to, and follow, the journal of one deployment at the same time; test_numbers.py runs them.

::

    python -m tests.proof.writers make               migrates, and prints the deployment's number
    python -m tests.proof.writers write  ID COUNT    COUNT entries, and as many again that are rolled back
    python -m tests.proof.writers follow ID COUNT    reads to entry COUNT as a page does; exit 1 at a hole
"""

import os
import random
import sys

import django


class Changed(Exception):
    """Ends a transaction that is not to be kept."""


def make() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from deploy_core.models import Deployment
    from tests import factories

    shop = factories.app("shop")
    deployment = Deployment.objects.create(
        app=shop, environment=factories.environment(shop), requested_by=factories.person()
    )
    print(deployment.pk)


def write(deployment_id: int, count: int) -> None:
    """Commit and roll back in turn; the numbers of what is rolled back must be taken again by somebody."""
    from django.db import transaction

    from deploy_core.ledger import journal
    from deploy_core.rules.events import CancelRequested

    dice = random.Random(os.getpid())
    left = {"kept": count, "undone": count}
    while any(left.values()):
        what = dice.choice([name for name, number in left.items() if number])
        left[what] -= 1
        try:
            with transaction.atomic():
                journal.record(deployment_id, CancelRequested(by=f"{what} by {os.getpid()}"))
                if what == "undone":
                    raise Changed
        except Changed:
            pass


def follow(deployment_id: int, count: int) -> None:
    """Keep a cursor, as a page does: an entry that appears below it later would be lost to that page for ever."""
    from deploy_core.models import JournalEntry

    cursor = 0
    entries = JournalEntry.objects.filter(deployment_id=deployment_id).order_by("number")
    while cursor < count:
        for number, payload in entries.filter(number__gt=cursor).values_list("number", "payload"):
            if number != cursor + 1:
                raise SystemExit(f"after entry {cursor} came {number}")
            if "undone" in payload["by"]:
                raise SystemExit(f"entry {number} was rolled back and is there")
            cursor = number


def main(act: str, *numbers: str) -> None:
    django.setup()
    {"make": make, "write": write, "follow": follow}[act](*map(int, numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
