"""A small world to deploy in: a repository with a few branches, servers that are real, and an app that can be ill."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chatops.demo.keys import Key, Keys
from chatops.demo.machines import Machines
from chatops.demo.orders import ServerOrder
from deploy_core import deployments
from deploy_core.ledger import log
from deploy_core.models import (
    App,
    Credential,
    Deployment,
    Environment,
    Person,
    Placement,
    Server,
)
from deploy_core.reach import credentials
from deploy_core.run import runner
from tests import factories

#: What is well has the time to say so, on a busy machine too; only `ill`, which never does, is given up at once.
PIPELINE = """\
build:
  commands: ["echo built $(cat version) > built"]
restart:
  command: echo "$SHIPROOM_REVISION" >> ../../restarts
health:
  http: {port: PORT, path: /healthz}
  timeout: 30
  interval: 0.05
"""


def git(folder: Path, *argv: str) -> str:
    who = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    done = subprocess.run(["git", "-C", str(folder), *who, *argv], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_repository(folder: Path) -> Path:
    """main, and one branch for each thing that can be wrong with a revision."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for version in ("1", "2"):
        commit(folder, f"Release {version}", version=version, healthy="yes", **{"deploy.yml": PIPELINE})
        git(folder, "tag", f"v{version}")
    for branch, change in {
        "ill": {"healthy": None, "deploy.yml": PIPELINE.replace("timeout: 30", "timeout: 0.2")},
        "no-build": {
            "deploy.yml": PIPELINE.replace("echo built", "echo so far so good; echo no compiler >&2; exit 3 #")
        },
        "misspelt": {"deploy.yml": PIPELINE.replace("health:", "helth:")},
        "no-file": {"deploy.yml": None},
        "twin": {"version": "3"},
    }.items():
        git(folder, "checkout", "--quiet", "-b", branch, "main")
        commit(folder, f"Be {branch}", **change)
    git(folder, "tag", "twin", "main")
    git(folder, "checkout", "--quiet", "main")
    return folder


def commit(folder: Path, subject: str, **files: str | None) -> str:
    """Commit these files (None: removed); the new revision."""
    for name, content in files.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", subject)
    return git(folder, "rev-parse", "HEAD")


@dataclass
class Box:
    """A running SSH server; `folder` is the home of its login `deploy`."""

    folder: Path
    port: int
    host: Key
    login: Key


@contextmanager
def boxes(folder: Path, count: int) -> Iterator[list[Box]]:
    keys = Keys(folder / "keys")
    names = [f"box-{number}" for number in range(1, count + 1)]
    for name in names:
        (folder / name).mkdir()
    wanted = [
        ServerOrder(name, str(folder / name), keys.host(name).private, public_key=keys.client().public)
        for name in names
    ]
    with (folder / "lock").open("w") as lock:
        machines = Machines(wanted, lock)
        try:
            yield [Box(folder / name, machines.ports[name], keys.host(name), keys.client()) for name in names]
        finally:
            machines.stop()


class Doctor(ThreadingHTTPServer):
    """Answers the health checks of one server's app: 200 while the file `healthy` is in its current release."""

    current = Path("/nonexistent")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ask)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Ask(BaseHTTPRequestHandler):
    server: Doctor

    def do_GET(self) -> None:
        self.send_response(200 if (self.server.current / "healthy").exists() else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def doctors(count: int) -> Iterator[list[Doctor]]:
    with ExitStack() as stack:
        found = [stack.enter_context(Doctor()) for _ in range(count)]
        yield found
        for each in found:
            each.shutdown()


@dataclass
class World:
    """An app, an environment on real servers, and a person who may deploy there."""

    repository: Path
    app: App
    environment: Environment
    person: Person
    boxes: list[Box]
    doctors: list[Doctor]

    def folder(self, number: int = 0) -> Path:
        """The environment's folder on a server, seen from here."""
        return self.boxes[number].folder / self.environment.path

    def running(self) -> list[str]:
        """What the build of each server's current release says."""
        built = [self.folder(number) / "current" / "built" for number in range(len(self.boxes))]
        return [path.read_text().strip() if path.exists() else "" for path in built]

    def request(self, ref: str = "main") -> Deployment:

        return deployments.request(self.app, ref, self.environment, by=self.person, surface="web")

    def deploy(self, ref: str = "main") -> Deployment:
        """A deployment of `ref`, walked to its end."""
        return self.walk(self.request(ref))

    def walk(self, deployment: Deployment) -> Deployment:
        runner.plan(deployment.pk)
        runner.run(deployment.pk)
        deployment.refresh_from_db()
        return deployment


def make_world(repository: Path, boxes: list[Box], doctors: list[Doctor], name: str) -> World:
    app = factories.app(name, repository=f"file://{repository}")
    environment = Environment.objects.create(app=app, name="staging", path=f"srv/{name}", variables={})
    person = factories.person(f"{name}-deployer", role="deployer")
    world = World(repository, app, environment, person, boxes, doctors)
    for position, (box, doctor) in enumerate(zip(boxes, doctors, strict=True)):
        Placement.objects.create(
            environment=environment,
            server=make_server(box, f"{name}-{position + 1}"),
            variables={"PORT": doctor.server_port},
            position=position,
        )
        doctor.current = world.folder(position) / "current"
    return world


def make_server(box: Box, name: str) -> Server:
    credential = Credential.objects.create(name=name, kind=Credential.Kind.KEY)
    credentials.keep_key(credential, box.login.private.encode())
    credential.save()
    return factories.server(name, port=box.port, host_key=box.host.public, credential=credential)


def told(deployment: Deployment) -> str:
    """What happened to a deployment, for the message of an assertion that failed."""
    lines = [f"{deployment} {deployment.status} {deployment.reason} {deployment.reason_params}"]
    for step in deployment.steps.all():
        lines.append(f"  {step.key} {step.status} {step.reason} {step.reason_params}")
        lines += [f"    {stream} {text}" for _, _, stream, text in log.lines(step.pk)]
    return "\n".join(lines)


BUILD = "build: {commands: ['echo built $(cat version) > built']}\n"


def pipeline(world, text):
    world.app.pipeline = text
    world.app.save()


def deploy_with(world, text, ref="v2"):
    pipeline(world, BUILD)
    world.deploy("v1")
    pipeline(world, BUILD + text)
    return world.deploy(ref)


def names(world, *numbers):
    return [f"{world.app.name}-{number}" for number in numbers]


def server(world, number):
    return Server.objects.get(name=f"{world.app.name}-{number}")


def broken(deployment):
    """The step that broke first."""
    return deployment.steps.exclude(status__in=("succeeded", "skipped", "pending", "cancelled")).first()


def assert_failed(deployment, reason, **params):
    assert (deployment.status, deployment.reason) == ("failed", reason), told(deployment)
    assert {name: deployment.reason_params.get(name) for name in params} == params
    assert not deployment.steps.filter(status__in=("pending", "running")).exists()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(") ")[2][0] != "Z"


def statuses(deployment):
    return dict(deployment.steps.values_list("key", "status"))


def reasons(deployment):
    return dict(deployment.steps.exclude(reason="").values_list("key", "reason"))
