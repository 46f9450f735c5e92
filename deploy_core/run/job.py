"""One deployment in the hands of one worker: its steps run here, and only this thread writes their rows.

Threads that build or talk to servers touch no table. They print into log writers and end; the worker's own thread
stores lines, looks for a cancel, and moves the steps, so a hundred servers cost a handful of transactions.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from deploy_core import errors
from deploy_core.ledger import journal, progress
from deploy_core.ledger.log import LogWriter
from deploy_core.models import Deployment, Step
from deploy_core.rules.status import STEP_ENDED, Status, StepStatus

from .acts import Act, Hands, Patience, patiently
from .verdict import fit, judge, with_tail

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How a phase of a job ended; the only words that reach the engine. `partly`: it has ended, and nothing is tidied.
Code = Literal["ok", "failed", "cancelled", "fenced", "paused", "partly"]

#: Raised while the process goes away: every worker leaves its step as it is and ends its remote commands.
parking = threading.Event()

#: How long threads that were told to stop are waited for before their steps are ended without them.
STOP_GRACE_S = 30.0


class Parked(BaseException):
    """This process is going away and the job goes on in the next one. No failure, so no `except Exception` sees it."""


@dataclass
class _Work:
    """A step that runs, and what its thread works with."""

    step: Step
    hands: Hands


@dataclass(eq=False)
class Job:
    """The deployment, the epoch in which we own it, and the threads that work for it."""

    deployment: Deployment
    epoch: int
    deadline_s: float = float("inf")
    #: By the kind of a step.
    patience: Mapping[str, Patience] = field(default_factory=dict)
    #: What went wrong outside of any step: code and parameters.
    fault: tuple[str, dict[str, Any]] | None = None
    #: Why it ends, once its end has begun.
    ending: tuple[str, dict[str, Any]] | None = None
    #: Why the threads were told to stop: "" | cancelled | timed_out | parked.
    why: str = ""
    #: While servers go back to their old release, a cancel has been heard already.
    hears_cancel: bool = True
    _stop: threading.Event = field(default_factory=threading.Event)
    _stopped_at: float = 0.0
    _looked_at: float = 0.0
    _began_at: float = field(init=False)
    _spent_before_s: float = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        started = self.deployment.started
        self._began_at = time.monotonic()
        self._spent_before_s = max(0.0, (timezone.now() - started).total_seconds()) if started else 0.0
        self._pool = ThreadPoolExecutor(self.width, thread_name_prefix=f"deployment-{self.id}")

    @property
    def id(self) -> int:
        return self.deployment.pk

    def close(self) -> None:
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def width(self) -> int:
        """How many acts run side by side."""
        return max(2, int(settings.SERVERS_AT_ONCE))

    def in_background(self, act: Callable[[], Any]) -> None:
        """Run something that no step waits for and whose failure is no news."""
        self._pool.submit(act)

    def steps(self) -> dict[str, Step]:
        """All steps as they stand, by key."""
        return {step.key: step for step in Step.objects.filter(deployment_id=self.id)}

    def skip(self, keys: Mapping[str, str]) -> None:
        """End steps that have nothing to do, each with its reason."""
        steps = self.steps()

        def write() -> None:
            for key, reason in keys.items():
                journal.move_step(steps[key].pk, StepStatus.SKIPPED, reason, epoch=self.epoch)

        self.persist(write)

    def persist(self, write: Callable[[], T]) -> T:
        """What `write` returns, done in one transaction. While the database is busy or away it is tried again.

        Raises:
            django.db.OperationalError: it was away for longer than `DATABASE_PATIENCE_S`.
        """
        end = time.monotonic() + settings.DATABASE_PATIENCE_S
        while True:
            try:
                with transaction.atomic():
                    return write()
            except OperationalError as error:
                if connection.in_atomic_block or time.monotonic() > end:
                    raise
                logger.warning("#%d waits for the database: %s", self.id, error)
                connection.close()
                time.sleep(settings.STOP_POLL_S)

    def perform(self, acts: Mapping[str, Act]) -> Code:
        """Run the steps of these keys side by side until each has ended; one that had ended before is left alone.

        Raises:
            journal.Fenced: another worker holds the deployment; the threads have been told to stop.
            Parked: the process is going away; steps that were interrupted stay `running`.
        """
        if not self.why:
            self._look()
        steps = self.steps()
        todo = {key: act for key, act in acts.items() if steps[key].status not in STEP_ENDED}
        if todo and not self.why:
            self._run({steps[key]: act for key, act in todo.items()})
        return self._outcome(acts)

    def again(self, key: str, act: Act) -> None:
        """Do something once more for a step that has ended, which only its log will show.

        Raises:
            errors.DeployError: what went wrong.
            journal.Fenced, Parked: as `perform`.
        """
        out = self.persist(lambda: LogWriter(self.steps()[key].pk, self.epoch))
        hands = Hands(out, self._stop.is_set)
        future = self._pool.submit(act, hands)

        def store() -> None:
            out.begin()
            journal.hold(self.id, self.epoch)
            out.flush()

        try:
            while not future.done() and not self._is_given_up():
                wait([future], timeout=settings.LOG_FLUSH_S)
                self._look()
                if out.is_due():
                    self.persist(store)
                    out.commit()
            self.persist(store)
            out.commit()
        except BaseException:
            self._stop.set()
            raise
        finally:
            out.close()
        if self.why == "parked":
            raise Parked
        if self.why == "timed_out":
            raise errors.DeployError("total_timeout", seconds=self.deadline_s)
        if not future.done():
            raise errors.Cancelled
        future.result()

        def write() -> None:
            journal.hold(self.id, self.epoch)
            for each in hands.happened:
                each()

        self.persist(write)

    def ask_all(self, questions: Mapping[str, Callable[[], T]]) -> dict[str, T]:
        """The answers to questions that are no steps, asked side by side."""
        asked = {key: self._pool.submit(question) for key, question in questions.items()}
        return {key: future.result() for key, future in asked.items()}

    def pause(self, seconds: float) -> Code | None:
        """Wait, unless somebody wants us to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._look()
            if self.why:
                return self._outcome({})
            self._stop.wait(min(left, settings.STOP_POLL_S))
        return None

    def _outcome(self, acts: Mapping[str, Act]) -> Code:
        steps = self.steps()
        statuses = {steps[key].status for key in acts}
        if self.why == "parked":
            raise Parked
        if self.why == "cancelled" or StepStatus.CANCELLED in statuses:
            return "cancelled"
        if self.why == "timed_out":
            return "failed"
        return "ok" if statuses <= {StepStatus.SUCCEEDED, StepStatus.SKIPPED} else "failed"

    def _run(self, acts: Mapping[Step, Act]) -> None:
        running: dict[Future[None], _Work] = {}

        def begin() -> list[LogWriter]:
            journal.hold(self.id, self.epoch)
            for step in acts:
                journal.move_step(step.pk, StepStatus.RUNNING, epoch=self.epoch)
            return [LogWriter(step.pk, self.epoch) for step in acts]

        with ExitStack() as writers:
            for (step, act), out in zip(acts.items(), self.persist(begin), strict=True):
                writers.callback(out.close)
                hands = Hands(out, self._stop.is_set, progress=progress.teller(self.id, step.key))
                patient = patiently(act, step, self.patience.get(step.kind, Patience()))
                running[self._pool.submit(patient, hands)] = _Work(step, hands)
            try:
                while running:
                    self._turn(running)
            except BaseException:
                self._stop.set()
                raise

    def _turn(self, running: dict[Future[None], _Work]) -> None:
        """Wait a moment; then store what was printed and end the steps whose threads have ended."""
        done, _ = wait(running, timeout=settings.LOG_FLUSH_S, return_when=FIRST_COMPLETED)
        self._look()
        due = [work for future, work in running.items() if future not in done and work.hands.out.is_due()]
        given_up = self._given_up(running, done)
        if not done and not due and not given_up:
            return
        ended = (*done, *given_up)

        outs = [work.hands.out for work in running.values()]

        def write() -> None:
            for out in outs:
                out.begin()
            journal.hold(self.id, self.epoch)
            for work in due:
                work.hands.out.flush()
            for future in ended:
                self._end(running[future], future)

        self.persist(write)
        for out in outs:
            out.commit()
        for future in ended:
            del running[future]

    def _given_up(self, running: Mapping[Future[None], _Work], done: set[Future[None]]) -> list[Future[None]]:
        """Threads that were told to stop and did not: a step must not run for ever because one of them hangs."""
        return [future for future in running if future not in done] if self._is_given_up() else []

    def _is_given_up(self) -> bool:
        return self._stop.is_set() and time.monotonic() >= self._stopped_at + STOP_GRACE_S

    def _end(self, work: _Work, future: Future[None]) -> None:
        error = future.exception() if future.done() else errors.Cancelled()
        work.hands.out.flush()
        for write in work.hands.happened:
            write()
        if error is not None and self.why == "parked":
            return
        status, reason, params = judge(work.step, error, is_over_time=self.why == "timed_out")
        params = fit(params)
        exit_status = params.get("exit_status")
        if status in (StepStatus.FAILED, StepStatus.TIMED_OUT):
            params = with_tail(params, work.hands.out)
        journal.move_step(
            work.step.pk,
            status,
            reason,
            epoch=self.epoch,
            exit_status=exit_status if isinstance(exit_status, int) else None,
            params=params,
        )

    def _look(self) -> None:
        """See whether somebody wants us to stop, a few times a second."""
        now = time.monotonic()
        if self.why or now < self._looked_at + settings.STOP_POLL_S:
            return
        self._looked_at = now
        row = self.persist(lambda: Deployment.objects.values("epoch", "status").get(pk=self.id))
        if row["epoch"] != self.epoch:
            self._stop.set()
            raise journal.Fenced(f"#{self.id} is past epoch {self.epoch}")
        if parking.is_set():
            self._tell_to_stop("parked")
        elif self.hears_cancel and row["status"] == Status.CANCELLING:
            self._tell_to_stop("cancelled")
        elif self._is_over_time():
            self._tell_to_stop("timed_out")

    def _is_over_time(self) -> bool:
        """By a clock that nobody sets; only what an earlier owner took is told by the rows."""
        return self._spent_before_s + time.monotonic() - self._began_at > self.deadline_s

    def _tell_to_stop(self, why: str) -> None:
        self.why = why
        self._stopped_at = time.monotonic()
        self._stop.set()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """What is begun in here is brought to its end: a cancel and the end of the time are heard afterwards."""
        kept = self.hears_cancel, self.deadline_s
        self.hears_cancel, self.deadline_s = False, float("inf")
        try:
            yield
        finally:
            self.hears_cancel, self.deadline_s = kept

    def turn_back(self) -> None:
        """Forget that we were told to stop: what follows returns servers to their old release."""
        self.why, self.hears_cancel, self.deadline_s = "", False, float("inf")
        self._stop = threading.Event()  # who was told to stop on the way there stays told
