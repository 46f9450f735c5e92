"""Shiproom as the bench runs it: `manage.py serve` as installed, and a room full of members who are signed in."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

HOME = Path(__file__).parents[3]
START_S = 90.0
_SEED = """
import json, sys
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import transaction
call_command("migrate", verbosity=0)
from chatops.room.models import Membership, Room
from deploy_core.models import Person
people = Person.objects.bulk_create([Person(username=f"member{n}", password="!") for n in range(COUNT)])
room = Room.objects.create(slug="bench")
Membership.objects.bulk_create([Membership(room=room, person=person) for person in people])
keys = []
with transaction.atomic():
    for person in people:
        session = SessionStore()
        session.update({SESSION_KEY: str(person.pk), HASH_SESSION_KEY: person.get_session_auth_hash(),
                        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend"})
        session.create()
        keys.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
print(json.dumps({"room": room.pk, "cookies": keys}))
"""


class Ours:
    """A server on a data folder of its own: `cookies` is a file with one header per member."""

    def __init__(self, folder: Path, members: int) -> None:
        folder.mkdir(parents=True)
        self.data = folder / "var"
        ours = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "DEBUG", "PORT")
        self.environment = {name: value for name, value in os.environ.items() if name not in ours} | {
            "SHIPROOM_DATA": str(self.data),
            "SHIPROOM_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "chatops.settings",
        }
        seeded = subprocess.run(
            self.manage("shell", "--no-imports", "-c", _SEED.replace("COUNT", str(members))),
            check=True, capture_output=True, text=True, **self.process,
        )  # fmt: skip
        told = json.loads(seeded.stdout.splitlines()[-1])
        self.room = str(told["room"])
        self.cookies = folder / "cookies"
        self.cookies.write_text("\n".join(told["cookies"]) + "\n")
        self.log = folder / "log"
        self.origin = ""

    @property
    def process(self) -> dict[str, Any]:
        """How a program of the installation is started."""
        return {"cwd": HOME, "env": self.environment, "stdin": subprocess.DEVNULL}

    @staticmethod
    def manage(*words: str) -> list[str]:
        return [sys.executable, "manage.py", *words]

    def start(self) -> subprocess.Popen[bytes]:
        """Serve; the process answers when this returns, at `origin`."""
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self.manage("serve", "--port", "0"), stdout=output, stderr=subprocess.STDOUT, **self.process
            )
        found = wait_until(
            lambda: process.poll() is not None or re.search(r"is at (http://\S+?)/ ", self.log.read_text()), START_S
        )
        if not isinstance(found, re.Match):
            raise SystemExit(self.log.read_text())
        self.origin = found[1]
        return process
