"""What a step's work is given, and how often and for how long it is tried."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.conf import settings

from deploy_core import errors
from deploy_core.ledger.log import LogWriter
from deploy_core.models import Step
from deploy_core.rules.pipeline import EnvironmentPipeline


@dataclass(frozen=True)
class Hands:
    """What a step's act works with, in whatever thread. It touches no table itself."""

    out: LogWriter
    stop: Callable[[], bool]
    happened: list[Callable[[], object]] = field(default_factory=list)
    #: Called with (done, total) as the work goes on.
    progress: Callable[[int, int], None] = lambda done, total: None

    def record(self, write: Callable[[], object]) -> None:
        """Something happened that rows must show, however the step ends: `write` runs in the transaction of its end."""
        self.happened.append(write)

    def on_line(self, stream: str, text: str) -> None:
        """A line of output, as `Connection.run` and builds tell it."""
        self.out.write(stream, text)  # type: ignore[arg-type]  # `o`, `e` or `m` on both sides

    def say(self, text: str) -> None:
        """A line in our own words."""
        self.out.write("m", text)


#: Does a step's work, and raises what went wrong.
Act = Callable[[Hands], None]

#: Faults that another attempt would only meet again, or must not.
_FINAL = frozenset({"taken_over", "host_key_changed", "host_key_unknown", "login_refused", "no_permission"})


@dataclass(frozen=True, slots=True)
class Patience:
    """With the steps of one kind: how often one that failed is tried again, and how long one attempt may take."""

    retries: int = 0
    limit_s: float = float("inf")


def patience(shape: EnvironmentPipeline) -> dict[str, Patience]:
    """How often and how long each kind of step is tried. What has a limit of its own may take that long."""
    step_s, retries = shape.timeouts.step_s, shape.retries
    restart_s = shape.restart.timeout_s if shape.restart else 0
    health_s = shape.health.timeout_s if shape.health else 0
    return {
        "build": Patience(retries.build, step_s + shape.build.timeout_s),
        "stage": Patience(retries.stage, step_s),
        "switch": Patience(retries.switch, step_s),
        "restart": Patience(retries.restart, max(step_s, restart_s)),
        "health": Patience(retries.health, max(step_s, health_s)),
    }


def patiently(act: Act, step: Step, patience: Patience) -> Act:
    """`act` tried as often, and each time for as long, as `patience` allows."""

    def once(hands: Hands) -> None:
        if hands.stop():  # it waited for its turn until then
            raise errors.Cancelled(**({"server": step.server_name} if step.server_name else {}))
        end = time.monotonic() + patience.limit_s
        try:
            act(replace(hands, stop=lambda: hands.stop() or time.monotonic() > end))
        except errors.Cancelled:
            if hands.stop():
                raise
            server = {"server": step.server_name} if step.server_name else {}
            raise errors.CommandTimeout("step_timeout", step=step.key, seconds=patience.limit_s, **server) from None

    def act_patiently(hands: Hands) -> None:
        for left in range(patience.retries, -1, -1):
            try:
                return once(hands)
            except errors.DeployError as error:
                if not left or hands.stop() or error.code in _FINAL:
                    raise
                hands.say(f"failed ({error.code}); trying again, {left} more at most")
            end = time.monotonic() + settings.RETRY_WAIT_S
            while time.monotonic() < end and not hands.stop():
                time.sleep(min(0.05, settings.RETRY_WAIT_S))

    return act_patiently
