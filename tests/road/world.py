"""Apps that go wrong, one per kind of bad input, in a demo's database; run inside `manage.py shell` of that demo.

Each app has the same tiny repository and one environment on one server of its own row. It is deployed well once, then
spoiled and deployed again, then mended and deployed once more: `ask` types the line and prints the numbers as JSON.
"""

import json
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import translation

from bot import phrases
from chatops.room import messages
from chatops.room.models import Room
from deploy_core.models import App, Credential, Deployment, Environment, Grant, LogChunk, Person, Placement, Server
from deploy_core.reach import credentials

GOOD = "keep: 2\n"
#: A public key that no server has; the private half was never kept.
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1fDgmOyRXUpEnNQ3EjPXfHrBwUtGjWqvUyMgTSmAwF"


@dataclass
class Spoiled:
    """How an app goes wrong: other pipeline text, another ref to type, or rows that are changed."""

    pipeline: str = ""
    ref: str = ""
    repository: str = ""
    server: dict[str, Any] = field(default_factory=dict)


def _restart(command: str, timeout_s: int = 2) -> str:
    return f"restart: {{command: {json.dumps(command)}, timeout: {timeout_s}}}\n"


def _build(*commands: str) -> str:
    return f"build: {{commands: {json.dumps(commands)}, timeout: 20}}\n"


SPOILED = {
    "unreachable-git": Spoiled(repository="file:///nowhere/at/all.git"),
    "forbidden-git": Spoiled(repository="ext::sh -c touch% /tmp/never"),
    "loopback-git": Spoiled(repository="https://127.0.0.1:6379/"),
    "unknown-ref": Spoiled(ref="featrue"),
    "ambiguous-ref": Spoiled(ref="twice"),
    "wrong-file": Spoiled(pipeline="environments:\n  staging:\n    health: {http: {port: 80, path: 8080}}\n"),
    "failing-build": Spoiled(pipeline=_build("echo made of words", "echo no glue left >&2; exit 7")),
    "stderr-only": Spoiled(pipeline=_restart("echo only to stderr >&2; exit 3")),
    "hanging": Spoiled(pipeline=_restart("echo about to wait; sleep 600")),
    "endless-output": Spoiled(pipeline=_restart("yes the quick brown fox | head -c 100000000", timeout_s=60)),
    "unreachable": Spoiled(server={"port": 1}),
    "other-host-key": Spoiled(server={"host_key": OTHER_KEY}),
    "wrong-login": Spoiled(server={"credential": "wrong-password"}),
    "full-disk": Spoiled(ref="feature"),
}


def make(disk: str) -> None:
    """The apps, each with its server row, `full-disk` with its releases on `disk`."""
    folder = Path(settings.SHIPROOM_DATA) / "demo" / "tiny.git"
    _repository(folder)
    wrong, _ = Credential.objects.get_or_create(name="wrong-password", kind=Credential.Kind.PASSWORD)
    credentials.keep_password(wrong, "not the password")
    wrong.save()
    alice, room = Person.objects.get(username="alice"), Room.objects.get(slug="demo")
    for name in SPOILED:
        app = App.objects.create(name=name, repository=f"file://{folder}", default_ref="main", pipeline=GOOD)
        path = disk if name == "full-disk" else f"apps/{name}"
        environment = Environment.objects.create(app=app, name="staging", path=path)
        server = Server.objects.get(name="web-1")
        server.pk, server.name = None, f"on-{name}"
        server.save()
        Placement.objects.create(environment=environment, server=server)
        Grant.objects.create(person=alice, role="deployer", app=app)
        room.apps.add(app)


def _repository(path: Path) -> None:
    """A branch, a feature, and a tag that is also a branch."""

    def git(*words: str) -> None:
        who = ("-c", "user.name=Tiny", "-c", "user.email=tiny@example.invalid", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *who, *words], cwd=path, check=True, capture_output=True)

    path.mkdir()
    git("init")
    (path / "index.html").write_text("one\n")
    git("add", "index.html")
    git("commit", "-m", "Begin")
    git("branch", "feature")
    git("branch", "twice")
    (path / "index.html").write_text("two\n")
    git("commit", "-am", "Go on")
    git("tag", "twice")


def spoil() -> None:
    for name, how in SPOILED.items():
        app, server = App.objects.filter(name=name), Server.objects.filter(name=f"on-{name}")
        changes = {"pipeline": how.pipeline, "repository": how.repository}
        app.update(**{key: value for key, value in changes.items() if value} or {"default_ref": "main"})
        rows = dict(how.server)
        if "credential" in rows:
            rows["credential"] = Credential.objects.get(name=rows["credential"])
        if rows:
            server.update(**rows)


def mend() -> None:
    good = Server.objects.get(name="web-1")
    folder = Path(settings.SHIPROOM_DATA) / "demo" / "tiny.git"
    for name in SPOILED:
        App.objects.filter(name=name).update(pipeline=GOOD, repository=f"file://{folder}")
        Server.objects.filter(name=f"on-{name}").update(
            port=good.port, host_key=good.host_key, credential=good.credential
        )


def ask(*, spoiled: bool) -> None:
    """Type `/deploy …` for every app as alice and print the number of each deployment."""
    alice, room = Person.objects.get(username="alice"), Room.objects.get(slug="demo")
    numbers = {}
    for name, how in SPOILED.items():
        line = f"/deploy {name}/{how.ref if spoiled and how.ref else 'main'} to staging"
        outcome = messages.post(author=alice, room=room, text=line, client_id=uuid.uuid4().hex, surface="shell")
        assert outcome["deployment"], outcome
        numbers[name] = outcome["deployment"]
    print(json.dumps(numbers))


def tell(numbers: list[int]) -> None:
    """Print, for each deployment, its end, the sentence that people read, its bad steps and what they printed."""
    told = {}
    with translation.override("en"):
        for row in Deployment.objects.filter(pk__in=numbers):
            bad = row.steps.exclude(status__in=("succeeded", "skipped", "cancelled", "pending"))
            told[row.pk] = {
                "status": row.status,
                "reason": row.reason,
                "sentence": phrases.render(row.reason, row.reason_params) if row.reason else "",
                "announced": list(row.messages.filter(kind="announcement").values_list("code", flat=True)),
                "bad_steps": {step.key: step.status for step in bad},
                "tails": {step.key: step.reason_params.get("tail", []) for step in bad},
                "log_bytes": sum(len(chunk.text) for chunk in LogChunk.objects.filter(step__deployment=row)),
            }
    print(json.dumps(told))
