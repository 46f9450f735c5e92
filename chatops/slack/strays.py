"""What Slack was told is worked on, by a process that did not live to answer: done now, or said not to be done."""

import logging

from chatops.slack import answers, deliveries, desk

logger = logging.getLogger(__name__)


def pick_up() -> None:
    """Answer the requests that nobody answered. A line that ran is answered as it was; one that did not, and is older
    than `COMMAND_TTL_S`, is not run any more.
    """
    for ask, workspace in deliveries.strays():
        logger.warning("answering a request of Slack (%s) that was left", ask.kind)
        try:
            answer = desk.worked(ask, workspace)
            answers.give(ask, workspace, answer)
            deliveries.settle(ask, answer)
        except Exception:  # it is looked at again, and keeps nothing else from being sent
            logger.exception("a request of Slack that was left could not be answered")
