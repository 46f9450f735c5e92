"""How soon a slash command of Slack is acknowledged while much goes on: `python -m tests.bench.slack_ack`.

20 deployments print, 1,000 members watch them over sockets, the fake Slack gets their messages, and somebody types
commands: deployments, locks, looks. Slack gives up after 3 s. Writes its part of docs/benchmarks.md; `--members 100`
measures with fewer, and writes nothing.
"""

import argparse
import contextlib
import os
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.bench import report
from tests.bench.room.ours import Ours
from tests.services import slack as slack_service
from tests.services.slack import FakeSlack
from tests.services.slack_people import Delivery, Mail, Someone
from tests.waiting import wait_until

HOME = Path(__file__).parents[2]
MEMBERS, DEPLOYMENTS, COMMANDS, PER_SECOND = 1000, 20, 300, 5
#: What this asks for, and when Slack gives up.
WANTED_MS, SLACK_MS = 300, 3000
SECRET = "bench"

#: A build that prints two lines a second for longer than this measures.
_PIPELINE = """\
build:
  commands: ["python3 -u -c 'import time; [(print(n, time.time()), time.sleep(0.5)) for n in range(1800)]'"]
"""
_SEED = """
from chatops.room.models import Room
from chatops.slack import rooms, workspaces
from chatops.slack.models import Identity
from deploy_core import deployments
from deploy_core.models import App, Environment, Grant, Person, Placement, Server
person, room = Person.objects.get(username="member0"), Room.objects.get(slug="bench")
Grant.objects.create(person=person, role="manager", environment="*")
app = App.objects.create(name="shop", repository="file://REPOSITORY")
room.apps.add(app)
Room.objects.update(default_app=app)
server = Server.objects.create(name="web-1", host="127.0.0.1", port=22, user="deploy")
for number in range(DEPLOYMENTS):
    environment = Environment.objects.create(app=app, name=f"e{number}", path=f"srv/{number}")
    Placement.objects.create(environment=environment, server=server, position=0)
    deployments.request(app, "main", environment, by=person, surface="web")
team = {"id": "T1", "name": "Acme"}
workspace = workspaces.install({"team": team, "bot_user_id": "UBOT", "scope": "SCOPES"}, "TOKEN", by=person)
Identity.objects.create(workspace=workspace, user="U1", person=person)
rooms.tie(workspace, "CHANNEL", "ops", room, by=person)
"""
_LINES = "SELECT count(*), coalesce(sum(log_lines), 0) FROM deploy_core_step WHERE kind = 'build' AND log_lines > 0"


@contextmanager
def _watching(ours: Ours, folder: Path, members: int) -> Iterator[None]:
    """Members in the room, each with a socket that gets every event; one of them says something now and then."""
    client = folder / "members"
    subprocess.run(["gcc", "-O2", "-o", str(client), str(HOME / "tests" / "bench" / "room" / "members.c")], check=True)
    port = ours.origin.rsplit(":", 1)[1]
    words = [port, "/rt/ws", "shiproom", str(members), str(ours.cookies), ours.origin, ours.room]
    told = folder / "watching"
    with told.open("wb") as output:
        process = subprocess.Popen(
            [str(client), *words], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    assert process.stdin is not None
    process.stdin.write("rate-0.2 600 0\n")
    process.stdin.flush()
    try:
        wait_until(lambda: "start" in told.read_text() or process.poll() is not None, 120, what="all members are in")
        if process.poll() is not None:
            raise SystemExit(told.read_text())
        yield
    finally:
        process.kill()
        process.wait()


def _lines(number: int) -> str:
    target = f"e{number % DEPLOYMENTS}"
    return (f"shop/main to {target}", "status", f"lock shop in {target}", f"unlock shop in {target}")[number % 4]


def _type(someone: Someone) -> list[Delivery]:
    """Commands at a steady pace, however long the answers take; the first is not counted."""
    someone.command("status")
    began = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        sent = []
        for number in range(COMMANDS):
            time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            sent.append(pool.submit(someone.command, _lines(number)))
        return [each.result() for each in sent]


@contextmanager
def _serving(ours: Ours) -> Iterator[None]:
    process = ours.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _lines_printed(ours: Ours) -> tuple[int, int]:
    """How many builds print, and how many lines they have printed."""
    with contextlib.closing(sqlite3.connect(f"file:{ours.data / 'app.db'}?mode=ro", uri=True, timeout=20)) as db:
        builds, lines = db.execute(_LINES).fetchone()
        return int(builds), int(lines)


def _repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "deploy.yml").write_text(_PIPELINE)
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "Print")):
        subprocess.run(["git", "-C", str(folder), *who, *words], check=True)
    return folder


def _seed(ours: Ours, slack: FakeSlack, repository: Path) -> str:
    workspace, channel = slack.workspace(), slack.channel("ops").id
    named = {"DEPLOYMENTS": str(DEPLOYMENTS), "SCOPES": ",".join(workspace.scopes)}
    named |= {"TOKEN": workspace.token, "CHANNEL": channel, "REPOSITORY": str(repository)}
    code = re.sub("|".join(named), lambda word: named[word[0]], _SEED)
    subprocess.run(ours.manage("shell", "--no-imports", "-c", code), check=True, **ours.process)
    return channel


def main() -> int:
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--members", type=int, default=MEMBERS)
    members = asked.parse_args().members
    if shutil.which("gcc") is None:
        print("gcc is needed for the members (apt-get install gcc)", file=sys.stderr)
        return 2
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    with slack_service.running() as slack, tempfile.TemporaryDirectory(prefix="shiproom-bench-") as folder:
        os.environ |= {
            "SHIPROOM_SLACK_SIGNING_SECRET": SECRET,
            "SHIPROOM_SLACK_API_URL": slack.api_url,
            "SHIPROOM_SLACK_HOOKS_URL": slack.hooks_url,
            "SHIPROOM_GIT_FILE_URLS": "1",
            "SHIPROOM_ENGINE_CONCURRENCY": str(DEPLOYMENTS),
        }
        ours = Ours(Path(folder) / "ours", members)
        channel = _seed(ours, slack, _repository(Path(folder) / "shop"))
        with _serving(ours), httpx.Client(trust_env=False, timeout=30) as client:

            def send(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
                answer = client.post(f"{ours.origin}/slack/events", content=body, headers=headers)
                return answer.status_code, answer.content

            someone = Someone(slack, Mail(SECRET, send), channel=channel)
            wait_until(lambda: _lines_printed(ours)[0] == DEPLOYMENTS, 120, what="all builds print")
            with _watching(ours, Path(folder), members):
                before = _lines_printed(ours)[1]
                sent = _type(someone)
                lines = _lines_printed(ours)[1] - before
    text, is_good = _told(sent, lines, members, len(slack.calls))
    print(text)
    if members == MEMBERS:
        about = report.about(HOME, [])
        head = f"# Slack\n\nWritten by `make bench` on {about['date']}, commit `{about['commit'][:12]}`."
        report.put(HOME, "slack", f"{head}\nMachine: {about['machine']}.\n\n{text}\n")
    return 0 if is_good else 1


def _told(sent: list[Delivery], lines: int, members: int, calls: int) -> tuple[str, bool]:
    times = sorted(delivery.took_s * 1000 for delivery in sent)
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    later = sum("On it" in delivery.answer.decode() for delivery in sent)
    is_good = p99 <= WANTED_MS and all(delivery.status == 200 for delivery in sent)
    text = (
        f"How soon a slash command is acknowledged while {DEPLOYMENTS} deployments print and {members:,} members\n"
        f"watch; SQLite, one process, and all of this on one machine. {len(sent)} commands, {PER_SECOND} a second"
        f" (deployments, locks,\nlooks); meanwhile {lines:,} lines of output, and {calls} calls to Slack.\n"
        f"{later} commands were acknowledged before their answer was there, which then followed.\n\n"
        "| | p50 ms | p99 ms | most ms | asked for | Slack's limit |\n|---|---:|---:|---:|---:|---:|\n"
        f"| acknowledged | {statistics.median(times):.0f} | {p99:.0f} | {times[-1]:.0f} | {WANTED_MS} | {SLACK_MS} |"
    )
    return text, is_good


if __name__ == "__main__":
    sys.exit(main())
