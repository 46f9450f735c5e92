"""The face of the core: ask for a deployment, take one back, stop one, and see what is where.

Acts check the person's rights, write rows, journal and audit in the caller's transaction, and wake the engine
after its commit. A busy environment queues what is asked for; `queue.ahead_of` says behind what.
"""

from .answers import approve, cancel, confirm, decline, reject
from .requests import promote, redeploy, request, roll_back, run_task, send_again
from .views import Standing, active, ahead_of, current, history, latest

__all__ = [
    "Standing",
    "active",
    "ahead_of",
    "approve",
    "cancel",
    "confirm",
    "current",
    "decline",
    "history",
    "latest",
    "promote",
    "redeploy",
    "reject",
    "request",
    "roll_back",
    "run_task",
    "send_again",
]
