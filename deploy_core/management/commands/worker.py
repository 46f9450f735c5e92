"""`manage.py worker`: the engine alone, for installations on Postgres (any number of them) or without pages."""

import logging
import os
import signal
import threading
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from deploy_core import keyring
from deploy_core.management.commands import keys
from deploy_core.run import engine
from deploy_core.sealing import SealError

#: How often a worker looks whether somebody has migrated: each look reads all migrations.
LOOK_S = 1.0


class Command(BaseCommand):
    help = "Run deployments until SIGTERM or Ctrl-C; what is in hand goes on at the next start, or in another worker."

    def handle(self, *args: Any, **options: Any) -> None:
        leaving = threading.Event()

        def leave(number: int, frame: FrameType | None) -> None:
            leaving.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        self._wait_for_migrations(leaving)
        if leaving.is_set():
            return
        try:
            keyring.check()
            name = engine.launch()
        except SealError as error:
            raise CommandError(keys.told(error)) from error
        except engine.AlreadyRunning as error:
            raise CommandError(f"{error}. `manage.py serve` has an engine of its own there.") from error
        self.stdout.write(f"worker {name} is ready")
        self.stdout.flush()
        leaving.wait()
        engine.stop(settings.WORKER_STOP_S)
        self._end()

    def _end(self) -> NoReturn:
        """End now: a step may still wait for a server, on a thread that Python would wait for."""
        connections.close_all()
        logging.shutdown()
        self.stdout.flush()
        os._exit(0)

    def _wait_for_migrations(self, leaving: threading.Event) -> None:
        """Whoever updates the installation migrates; a worker that was started first waits for it."""
        told = False
        while not leaving.is_set():
            executor = MigrationExecutor(connection)
            if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return
            if not told:
                self.stdout.write("waiting for `manage.py migrate`")
                told = True
            leaving.wait(LOOK_S)
