"""`manage.py serve`: the web server, with the engine inside it where the database is one file."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from chatops import assets, checks
from deploy_core import keyring
from deploy_core.management.commands import keys
from deploy_core.sealing import SealError


class Command(BaseCommand):
    help = "Serve pages and sockets until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default=settings.BIND, help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="first port to try (default: %(default)s)")
        parser.add_argument(
            "--engine", action="store_true", default=settings.IS_EMBEDDED, help="run deployments in this process too"
        )

    def handle(self, *args: Any, bind: str, port: int, engine: bool, **options: Any) -> None:
        """Serve, and say where."""
        from chatops import server
        from deploy_core.run.engine import AlreadyRunning

        if not checks.is_safe_to_bind(bind):
            raise CommandError(
                f"{bind} is open to the network: set PUBLIC_URL to the https address of a proxy in front"
            )
        self._migrate()
        try:
            keyring.check()
        except SealError as error:
            raise CommandError(keys.told(error)) from error
        assets.compile_translations()
        assets.collect_static()
        try:
            listener = server.listen(bind, port)
        except OSError as error:
            raise CommandError(f"cannot listen on {bind} port {port}: {error.strerror}") from error
        url = server.be_at(listener)
        used = listener.getsockname()[1]

        def ready() -> None:
            if port and used != port:
                self.stdout.write(f"Port {port} is taken; using {used}.")
            self.stdout.write(f"Shiproom is at {url}/ (Ctrl-C stops it).")
            sys.stdout.flush()

        try:
            server.run(listener, with_engine=engine, ready=ready)
        except AlreadyRunning as error:
            raise CommandError(f"{error}. Stop it first, or set SHIPROOM_DATA to another folder.") from error
        server.leave()

    def _migrate(self) -> None:
        """Bring an embedded database up to date; any other is somebody's decision."""
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return
        if not settings.IS_EMBEDDED:
            raise CommandError("the database is not up to date: run `manage.py migrate` first")
        call_command("migrate", interactive=False, verbosity=0)
