"""DBOS behind one port: it keeps the order, remembers how far each run is, and goes on after a crash.

The only module that knows DBOS. Our rows are the truth: what is lost with its database, the ticker starts again, and
how far a deployment is stands in its steps. So a workflow has no DBOS steps of its own: what one worker noted of them
would stand in the way of the next, who may go another way. Arguments and results are numbers and codes, because DBOS
stores them in clear.

With workers, runs wait in DBOS's queues, into which each worker looks again and again. An embedded engine is alone: its
ticker begins runs the moment it is woken, and the queues are only looked into for what an older one left there.
"""

import fcntl
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import F

from deploy_core.ledger import lives
from deploy_core.models import Deployment
from deploy_core.rules.status import Status

from . import heartbeat, preparing, runner
from .job import Parked
from .slots import Slots

logger = logging.getLogger(__name__)

PLANS = "plans"
DEPLOYMENTS = "deployments"

#: Names the shape of the two workflows below. Runs of another name are never taken up, so it changes only with them.
WORKFLOW_VERSION = "1"

#: DBOS's words for a workflow that waits or runs; any other is an end.
_ALIVE = {"ENQUEUED", "DELAYED", "PENDING"}


class AlreadyRunning(Exception):
    """Another process runs the engine on this data folder."""


class _Lost(BaseException):
    """Another worker has this run. No failure, and no outcome: DBOS has nothing to note of it."""


class _Engine:
    """The launched engine of this process."""

    def __init__(self, name: str, lock: IO[str] | None, *, is_alone: bool) -> None:
        self.name = name
        self.lock = lock
        self.is_alone = is_alone
        self.slots = Slots(_at_once())
        self.is_stopping = threading.Event()
        self.acts: dict[str, Callable[..., str]] = {PLANS: runner.plan, DEPLOYMENTS: runner.run}
        self.workflows: dict[str, Callable[[int, int], str]] = {}
        self.ticker: heartbeat.Ticker | None = None

    def wake(self) -> None:
        """Something may run now."""
        if self.ticker:
            self.ticker.wake()


_engine: _Engine | None = None


def launch(*, listen: bool = True) -> str:
    """Start the engine in this process and return its name. Without `listen` it only puts runs into the queue.

    Raises:
        AlreadyRunning: the installation is embedded and another process has its engine.
    """
    global _engine
    from dbos import DBOS, DBOSConfig

    lock = _lock_data() if settings.IS_EMBEDDED else None
    lives.begin()
    name = "embedded" if settings.IS_EMBEDDED else f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    config = DBOSConfig(
        name="shiproom",
        system_database_url=_database_url(),
        executor_id=name,
        application_version=WORKFLOW_VERSION,
        log_level="WARNING",
        notification_listener_polling_interval_sec=1.0,
    )
    DBOS(config=config)
    engine = _Engine(name, lock, is_alone=listen and settings.IS_EMBEDDED)
    for queue in (PLANS, DEPLOYMENTS):
        engine.workflows[queue] = DBOS.workflow(name=queue)(_workflow(engine, queue))
    if not listen:
        DBOS.listen_queues([])
    _engine = engine
    if listen:
        heartbeat.say_alive(name)  # before it takes a run: who has one can be missed
        preparing.clear_leftovers()
    DBOS.launch()
    for queue in (PLANS, DEPLOYMENTS):
        DBOS.register_queue(
            queue,
            worker_concurrency=_at_once(),
            global_concurrency=settings.ENGINE_LIMIT or None,
            partition_concurrency=1,
            polling_interval_sec=settings.ENGINE_POLL_S,
            on_conflict="always_update" if listen else "never_update",
        )
    if listen:
        engine.ticker = heartbeat.Ticker(name, ensure=ensure, resume_runs_of=resume_runs_of)
        engine.ticker.start()
    logger.info("engine %s is ready", name)
    return name


def start(deployment_id: int) -> None:
    """Have a deployment run, once. In a process without an engine the ticker of another one sees to it."""
    engine = _engine
    if engine is None or engine.is_stopping.is_set():
        return
    if engine.is_alone:
        engine.wake()
    else:
        ensure(Deployment.objects.filter(pk=deployment_id))


def start_after_commit(deployment_id: int) -> None:
    """`start`, once the transaction in hand is committed."""
    # No partial: Django asks a robust callback that failed for its __qualname__.
    transaction.on_commit(lambda: start(deployment_id), robust=True)


def ensure(deployments: Iterable[Deployment]) -> None:
    """See to it that each of `deployments` has a run that waits or works, where its status wants one.

    An engine that is alone begins as many as it has room for; each that ends makes its ticker ask again.
    """
    from dbos import DBOS

    engine = _engine
    if engine is None:
        return
    rows = list(deployments)
    names = {_run_name(row.pk, row.run): row for row in rows}
    if not names:
        return
    found = DBOS.list_workflows(workflow_ids=list(names), load_input=False, load_output=False)
    status_of = {workflow.workflow_id: workflow.status for workflow in found}
    for name, row in names.items():
        status = status_of.get(name)
        if status in _ALIVE:
            continue
        queue = PLANS if row.status == Status.PLANNING else DEPLOYMENTS
        run = row.run if status is None else row.run + 1  # it ended, and the row still waits: a new run, a new name
        if engine.is_alone and not engine.slots.take(_run_name(row.pk, run), queue, row.environment_id):
            continue
        if status is not None:
            again = Deployment.objects.filter(pk=row.pk, run=row.run, status=row.status)
            if not again.update(run=F("run") + 1):
                engine.slots.free(_run_name(row.pk, run))
                continue
            logger.warning("run %s of #%d ended as %s while it is %s", name, row.pk, status, row.status)
        _begin(engine, queue, row, run)


def _begin(engine: _Engine, queue: str, row: Deployment, run: int) -> None:
    from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

    workflow = engine.workflows[queue]
    with SetWorkflowID(_run_name(row.pk, run)):
        if not engine.is_alone:
            with SetEnqueueOptions(queue_partition_key=str(row.environment_id)):
                DBOS.enqueue_workflow(queue, workflow, row.pk, run)
            return
        try:
            DBOS.start_workflow(workflow, row.pk, run)
        except Exception:
            engine.slots.free(_run_name(row.pk, run))
            raise


def resume_runs_of(executor: str) -> int:
    """Put the runs that a dead or silent executor had in hand back into their queues; returns how many."""
    from dbos import DBOS

    runs = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
    for run in runs:
        DBOS.resume_workflow(run.workflow_id, queue_name=run.queue_name)
    return len(runs)


def stop(wait_s: float | None = None) -> None:
    """Park: runs end at their next step boundary, at the latest after `wait_s` (None: `ENGINE_STOP_S`).

    With other workers on the same database they go on there at once, else at the next start.
    """
    global _engine
    from dbos import DBOS

    engine = _engine
    if engine is None or engine.is_stopping.is_set():
        return
    engine.is_stopping.set()
    if engine.ticker:
        engine.ticker.stop()
    runner.park(wait_s=settings.ENGINE_STOP_S if wait_s is None else wait_s)
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)
    _engine = None
    if engine.ticker:
        _hand_over(engine.name)
    if engine.lock:
        engine.lock.close()
    logger.info("engine %s has stopped", engine.name)


def _hand_over(name: str) -> None:
    """Put what this process had in hand back into its queues; who is left need not find out that it is gone.

    Only now that nothing of ours listens to the queues any more, or we would take it up again.
    """
    from dbos import DBOSClient

    if not settings.IS_EMBEDDED:  # there, the next process has the same name, and begins with what has that name
        client = DBOSClient(system_database_url=_database_url())
        try:
            found = client.list_workflows(status="PENDING", executor_id=name, load_input=False, load_output=False)
            for run in found:
                client.resume_workflow(run.workflow_id, queue_name=run.queue_name)
        finally:
            client.destroy()
    close_old_connections()  # this thread's may have died with a database that was started again since
    heartbeat.say_goodbye(name)


def _workflow(engine: _Engine, queue: str) -> Callable[[int, int], str]:
    def do_step(name: str, step: Callable[[], str]) -> str:
        if engine.is_stopping.is_set():
            raise Parked  # DBOS records no outcome of what is no Exception, and takes the workflow up at the next start
        return step()

    def workflow(deployment_id: int, run: int) -> str:
        if engine.is_stopping.is_set():
            raise Parked
        name = _run_name(deployment_id, run)
        engine.slots.note(name, queue)
        close_old_connections()
        try:
            code = engine.acts[queue](deployment_id, run, executor=engine.name, do_step=do_step)
            # DBOS keeps a run without an outcome pending, and with it everything behind it in its environment.
            if code == "fenced" and heartbeat.is_wanted(deployment_id, run):
                raise _Lost
            return code
        finally:
            close_old_connections()
            engine.slots.free(name)
            engine.wake()  # what was planned runs, and what was queued behind it comes next

    return workflow


def _at_once() -> int:
    """How many runs of a queue this process has in hand at most."""
    most: int = settings.ENGINE_CONCURRENCY
    return min(most, settings.ENGINE_LIMIT or most)


def _run_name(deployment_id: int, run: int) -> str:
    return f"deployment-{deployment_id}-{run}"


def _database_url() -> str:
    """The engine's own file when embedded; else Django's database, in which DBOS has a schema of its own."""
    if settings.IS_EMBEDDED:
        return f"sqlite:///{settings.SHIPROOM_DATA / 'engine.db'}"
    ours = connection.settings_dict
    # Host and port stand in the query, because a host may be the folder of a socket.
    query = {"host": ours["HOST"], "port": ours["PORT"], **ours["OPTIONS"]}
    options = urlencode({name: str(value) for name, value in query.items() if isinstance(value, str | int) and value})
    login = quote(ours["USER"], safe="") + (f":{quote(ours['PASSWORD'], safe='')}" if ours["PASSWORD"] else "")
    return f"postgresql://{login}@/{quote(ours['NAME'], safe='')}?{options}"


def _lock_data() -> IO[str]:
    """Hold the data folder's engine until this process ends, however it ends."""
    path = Path(settings.SHIPROOM_DATA) / "engine.lock"
    lock = path.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyRunning(f"another process runs the engine on {settings.SHIPROOM_DATA}") from None
    return lock
