"""What tells others, in each process that serves. A row's lease sees to it that only one tries at a time."""

from django.conf import settings

from chatops.rounds import Rounds
from chatops.webhooks import outbox, sender


def _round() -> float:
    outbox.collect()
    sender.round_()
    return float(settings.HOOK_TICK_S)


rounds = Rounds("webhooks", lambda: _round, sender.forget)
