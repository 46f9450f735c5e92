"""How a step ended, told from what its work raised, with parameters that every database takes."""

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from deploy_core import errors
from deploy_core.ledger.log import TAIL_LINES, LogWriter, harmless
from deploy_core.models import Step
from deploy_core.rules.status import StepStatus

logger = logging.getLogger(__name__)


def judge(step: Step, error: BaseException | None, *, is_over_time: bool) -> tuple[StepStatus, str, dict[str, Any]]:
    """The status, reason and parameters of a step whose work raised `error`; a bug gets a number that is in the log."""
    match error:
        case None:
            return StepStatus.SUCCEEDED, "", {}
        case errors.Cancelled() if is_over_time:
            return StepStatus.TIMED_OUT, "total_timeout", {}
        case errors.Cancelled():
            return StepStatus.CANCELLED, "cancelled", {}
        case errors.CommandTimeout():
            return StepStatus.TIMED_OUT, error.code, dict(error.params)
        case errors.BuildError(code="build_timed_out"):
            return StepStatus.TIMED_OUT, error.code, dict(error.params)
        case errors.DeployError():
            return StepStatus.FAILED, error.code, dict(error.params)
        case _:
            number = uuid.uuid4().hex[:8]
            logger.error("step %s of #%d: fault %s", step.key, step.deployment_id, number, exc_info=error)
            return StepStatus.FAILED, "internal", {"fault": number}


def fit(value: Any) -> Any:
    """`value` as JSON that every database takes: odd objects as text, odd characters spelled out."""
    match value:
        case str():
            return harmless(value)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {str(key): fit(each) for key, each in value.items()}
        case list() | tuple() | set():
            return [fit(each) for each in value]
        case _:
            return harmless(str(value))


def with_tail(params: Mapping[str, Any], out: LogWriter) -> dict[str, Any]:
    """`params` with `tail`, the last lines of output, and `line`, the number of the last line in the log."""
    told = params.get("tail")
    tail = list(out.tail) or (str(told).splitlines() if told else [])
    return {**params, "tail": tail[-TAIL_LINES:], "line": out.last_line}
