"""`manage.py demo`: Shiproom with a small real world to ship in (docs/demo.md)."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import reverse

from chatops import assets
from chatops.accounts import links
from chatops.demo import check, seed, world
from deploy_core.models import Person

LINK_LIFETIME = timedelta(hours=12)
MOST_SERVERS = 200


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_SERVERS:
        raise ArgumentTypeError(f"a number from 1 to {MOST_SERVERS}")
    return int(text)


class Command(BaseCommand):
    help = "Start Shiproom with a demo: a repository, servers on loopback, people, and an app to deploy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="first port to try (default: %(default)s)")
        parser.add_argument(
            "--servers", type=_count, help=f"how many, up to {MOST_SERVERS} (default: as many as last time, first 3)"
        )
        parser.add_argument(
            "--check", dest="is_check", action="store_true", help="walk the whole road in a data folder of its own"
        )
        parser.add_argument("--here", dest="is_here", action="store_true", help="with --check: on SHIPROOM_DATA")

    def handle(self, *args: Any, port: int, servers: int | None, is_check: bool, is_here: bool, **options: Any) -> None:
        if is_check and not is_here:
            sys.exit(_check_elsewhere(servers))
        try:
            self._start(0 if is_check else port, servers, is_check=is_check)
        except world.Occupied as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)  # Ctrl-C before there was a server to hear it

    def _start(self, port: int, servers: int | None, *, is_check: bool) -> None:
        from chatops import server
        from deploy_core.run.engine import AlreadyRunning

        settings.SHIPROOM_GIT_FILE_URLS = True  # the shop's repository is a folder of this machine
        if os.geteuid() == 0:
            self.stderr.write("Running as root: the demo's servers and what is deployed to them run as root too.")
        call_command("migrate", interactive=False, verbosity=0)
        assets.compile_translations()
        assets.collect_static()
        with world.standing(servers):
            listener = server.listen(settings.BIND, port)
            url = server.be_at(listener)
            taken = listener.getsockname()[1]
            if port and taken != port:
                self.stdout.write(f"Port {port} is taken; using {taken}.")
            words = "" if is_check else self._welcome(url)
            connections.close_all()
            life = _Life(is_check, words, self)
            try:
                server.run(listener, with_engine=True, ready=life.begin)
            except AlreadyRunning as error:
                raise CommandError(f"{error}. Stop it first, or set SHIPROOM_DATA to another folder.") from error
        server.leave(0 if life.is_well else 1)

    def _welcome(self, url: str) -> str:
        """What a person needs now, and nothing else."""
        lines = [f"Shiproom's demo is at {url}/ (Ctrl-C stops it).", "", "Sign in; each link works once:"]
        room = reverse("room", args=[seed.ROOM])
        for name, role in seed.PEOPLE:
            token = links.issue(Person.objects.get(username=name), lifetime=LINK_LIFETIME)
            lines.append(f"  {name:6} {role:9} {links.address(token)}?next={room}")
        lines += ["", f"Then type in the room: /deploy {seed.APP} to staging"]
        for environment in seed.ENVIRONMENTS:
            server, shop_port = check.shop_ports(environment)[0]
            lines.append(f"  {environment} on {server}: curl 127.0.0.1:{shop_port}/version")
        return "\n".join(lines)


class _Life:
    """What happens once requests are answered, on a thread beside the server's loop."""

    def __init__(self, is_check: bool, words: str, command: BaseCommand) -> None:
        self.is_check = is_check
        self.words = words
        self.command = command
        self.is_well = True

    def begin(self) -> None:
        """Say the words, and go on beside the loop."""
        if self.words:
            self._say(self.words)
        threading.Thread(target=self._live, name="demo", daemon=True).start()

    def _live(self) -> None:
        try:
            seed.deploy_production_once()
            if not self.is_check:
                return
            self.is_well = check.run(self._say)
        except BaseException:
            self.is_well = False
            raise
        finally:
            connections.close_all()
            if self.is_check:
                os.kill(os.getpid(), signal.SIGINT)

    def _say(self, text: str) -> None:
        self.command.stdout.write(text)
        self.command.stdout.flush()


def _check_elsewhere(servers: int | None) -> int:
    """Run the check in a data folder that is gone afterwards; the exit status."""
    ours = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "SECRET_KEY", "SHIPROOM_KEY_FILE", "SHIPROOM_ARTIFACTS")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    words = [sys.executable, sys.argv[0], "demo", "--check", "--here"]
    if servers:
        words += ["--servers", str(servers)]
    with tempfile.TemporaryDirectory(prefix="shiproom-check-") as folder:
        try:
            return subprocess.call(words, env=environment | {"SHIPROOM_DATA": folder})
        except KeyboardInterrupt:
            return 130
