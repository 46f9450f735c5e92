"""What trust costs: `python -m tests.bench.trust`.

Which part of the server's CPU goes into looking at sessions and rights and into masking while a room is busy, how long
that is per command, and how many changes a second are made with their row in the audit, on SQLite at synchronous=FULL.
Writes its part of docs/benchmarks.md; `--quick` measures for a few seconds, and writes nothing.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.bench import report
from tests.bench.room.ours import Ours

HOME = Path(__file__).parents[2]
MEMBERS, WRITERS, LINES_PER_S, COMMANDS_PER_S, SECONDS = 60, 4, 60, 4, 30
SAMPLE_S = 0.005
#: What is asked for: of all CPU, per command, and changes a second.
SHARE, COMMAND_MS, CHANGES_PER_S = 0.05, 20.0, 250.0
#: By the end of a file's path, what its functions do.
CHECKS = {
    "chatops/room/door.py": "sessions",
    "chatops/room/authors.py": "sessions",
    "chatops/accounts/proof.py": "sessions",
    "django/contrib/sessions/backends/db.py": "sessions",
    "chatops/room/access.py": "rights",
    "deploy_core/safety/access.py": "rights",
    "deploy_core/rules/grants.py": "rights",
    "bot/leaks.py": "masking",
    "deploy_core/reach/masking.py": "masking",
}
COMMANDS = ("/status shop", "/lock shop in e1", "/unlock shop in e1", "/locks", "/deploy shop to nowhere")
_SEED = """
from chatops.room.models import Room
from deploy_core.models import App, Environment, Grant, Person, Placement, Server
person, room = Person.objects.get(username="member0"), Room.objects.get(slug="bench")
Grant.objects.create(person=person, role="manager", environment="*")
app = App.objects.create(name="shop", repository="https://git.example/shop.git")
room.apps.add(app)
Room.objects.update(default_app=app)
server = Server.objects.create(name="web-1", host="127.0.0.1", port=22, user="deploy")
for number in range(20):
    environment = Environment.objects.create(app=app, name=f"e{number}", path=f"srv/{number}")
    Placement.objects.create(environment=environment, server=server, position=0)
"""


class Profiled(Ours):
    """Served by a process that keeps, in the file `spent`, where its CPU went."""

    def __init__(self, folder: Path, members: int) -> None:
        super().__init__(folder, members)
        self.spent = folder / "spent"
        self.environment |= {"SHIPROOM_BENCH_SPENT": str(self.spent), "SHIPROOM_SEND_RATE": "100000"}
        self.environment |= {"SHIPROOM_ASK_RATE": "100000"}

    @staticmethod
    def manage(*words: str) -> list[str]:
        return [sys.executable, "-m", "tests.bench.trust", *words] if words[0] == "serve" else Ours.manage(*words)


# --- in the server ----------------------------------------------------------------------------------------------------
class Sampler(threading.Thread):
    """Gives the CPU that each thread used since the last look to what it does now."""

    def __init__(self, spent: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._spent_file = spent
        self._kinds: dict[CodeType, str] = {}
        self._clocks: dict[int, int] = {}
        self._spent: Counter[str] = Counter()

    def run(self) -> None:
        for look in itertools.count():
            time.sleep(SAMPLE_S)
            self._look()
            if look % 20 == 0:
                beside = self._spent_file.with_suffix(".part")
                beside.write_text(json.dumps(self._spent))
                beside.replace(self._spent_file)

    def _look(self) -> None:
        frames = sys._current_frames()
        for thread in threading.enumerate():
            ident = thread.ident
            if ident is None or thread is self or ident not in frames:
                continue
            now = time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
            if used := now - self._clocks.get(ident, now):
                for name in self._names(frames[ident]):
                    self._spent[name] += used
            self._clocks[ident] = now

    def _names(self, frame: FrameType | None) -> set[str]:
        """What a stack is about: "all", the check in it, "command" within one, and both as one word."""
        found = {"all"}
        while frame is not None:
            found.add(self._kinds.get(frame.f_code) or self._kinds.setdefault(frame.f_code, _kind(frame.f_code)))
            frame = frame.f_back
        checks = found & set(CHECKS.values())
        if checks:
            found.add("checks")
        return found | {"checks of commands"} if checks and "command" in found else found


def _kind(code: CodeType) -> str:
    path = code.co_filename
    if path.endswith("chatops/room/messages.py") and code.co_name == "post":
        return "command"
    return next((kind for end, kind in CHECKS.items() if path.endswith(end)), "other")


def serve(words: list[str]) -> None:
    """`manage.py serve`, sampled."""
    Sampler(Path(os.environ["SHIPROOM_BENCH_SPENT"])).start()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *words])


# --- around it --------------------------------------------------------------------------------------------------------
async def _live(ours: Profiled, cookie: str, work: Callable[[Any], Any]) -> None:
    address = f"{ours.origin.replace('http', 'ws', 1)}/rt/ws"
    async with connect(
        address,
        origin=Origin(ours.origin),
        additional_headers={"Cookie": cookie},
        proxy=None,
        max_size=None,
    ) as line:
        await line.send(json.dumps({"t": "hello", "v": 1, "want": [f"room:{ours.room}"], "resume": []}))
        await work(line)


async def _busy(ours: Profiled, seconds: int) -> tuple[dict[str, int], int]:
    """The CPU that was used meanwhile, by what for, in nanoseconds; and how many commands there were."""
    cookies = ours.cookies.read_text().splitlines()
    ended, count = asyncio.Event(), itertools.count()

    async def read(line: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for _ in line:
                pass

    def write(t: str, per_s: float, text: Callable[[int], str]) -> Callable[[Any], Any]:
        async def writing(line: Any) -> None:
            reading = asyncio.create_task(read(line))
            while not ended.is_set():
                number = next(count)
                told = {"t": t, "cid": f"bench-{number}", "room": int(ours.room), "text": text(number)}
                await line.send(json.dumps(told))
                await asyncio.sleep(1 / per_s)
            reading.cancel()

        return writing

    talk = write("message", LINES_PER_S / WRITERS, lambda n: f"line {n} of the bench")
    commands = itertools.cycle(COMMANDS)
    command = write("command", COMMANDS_PER_S, lambda n: next(commands))
    works = [command] + [talk] * WRITERS + [read] * (MEMBERS - WRITERS - 1)
    tasks = [asyncio.create_task(_live(ours, *each)) for each in zip(cookies, works, strict=True)]
    await asyncio.sleep(4)
    before, began = json.loads(ours.spent.read_text()), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = json.loads(ours.spent.read_text()), time.monotonic() - began
    ended.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {name: spent - before.get(name, 0) for name, spent in after.items()}, round(took * COMMANDS_PER_S)


# --- changes ----------------------------------------------------------------------------------------------------------
def change(seconds: float) -> None:
    """Print how many audited changes a second are made, by way of what and by how many threads."""
    import django

    django.setup()
    from django.db import connection

    from chatops.room import messages
    from chatops.room.models import Room
    from deploy_core import deployments
    from deploy_core.models import AuditEntry, Environment, Person

    person, room = Person.objects.get(username="member0"), Room.objects.get(slug="bench")
    places = list(Environment.objects.select_related("app").order_by("pk"))
    numbers = itertools.count()

    def by_post() -> None:
        number = next(numbers)
        verb = ("lock", "unlock")[number % 2]
        line = f"/{verb} shop in {places[number // 2 % len(places)].name}"
        messages.post(author=person, room=room, text=line, client_id=f"c{number}", surface="web")

    def by_deployments() -> None:
        place = places[next(numbers) % len(places)]
        made = deployments.request(place.app, "main", place, by=person, surface="web")
        deployments.cancel(made, by=person)

    def repeat(work: Callable[[], None], until: float) -> None:
        while time.monotonic() < until:
            work()
        connection.close()

    told = {}
    for name, work in (("post", by_post), ("deployments", by_deployments)):
        for threads in (1, 4):
            before, began = AuditEntry.objects.count(), time.monotonic()
            running = [threading.Thread(target=repeat, args=(work, began + seconds)) for _ in range(threads)]
            for thread in running:
                thread.start()
            for thread in running:
                thread.join()
            told[f"{name}, {threads}"] = (AuditEntry.objects.count() - before) / (time.monotonic() - began)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        told["synchronous"] = cursor.fetchone()[0]
    print(json.dumps(told))


def _changes(ours: Ours, seconds: float) -> dict[str, float]:
    words = [sys.executable, "-m", "tests.bench.trust", "change", str(seconds)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **ours.process)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if found.pop("synchronous") != 2:
        raise SystemExit("the database was not at synchronous=FULL")
    return found


# --- told -------------------------------------------------------------------------------------------------------------
def _told(spent: dict[str, int], commands: int, changes: dict[str, float]) -> tuple[str, bool]:
    share = spent.get("checks", 0) / spent["all"]
    per_command = spent.get("checks of commands", 0) / commands / 1e6
    slowest = min(changes.values())
    parts = [f"| {kind} | {spent.get(kind, 0) / spent['all']:.1%} | |" for kind in ("sessions", "rights", "masking")]
    lines = [
        f"{MEMBERS} members of a room, {LINES_PER_S} lines and {COMMANDS_PER_S} commands a second, {commands} commands",
        f"in all. The server used {spent['all'] / 1e9:.1f} s of CPU.",
        "",
        "| of the server's CPU | measured | asked for |",
        "|---|---:|---:|",
        *parts,
        f"| all three | {share:.1%} | {SHARE:.0%} |",
        "",
        f"Per command they take {per_command:.2f} ms (asked for: {COMMAND_MS:.0f}).",
        "",
        "| audited changes a second, by way of, threads | measured | asked for |",
        "|---|---:|---:|",
        *(f"| {name} | {rate:.0f} | {CHANGES_PER_S:.0f} |" for name, rate in changes.items()),
    ]
    return "\n".join(lines), share <= SHARE and per_command <= COMMAND_MS and slowest >= CHANGES_PER_S


def main() -> int:
    asked = argparse.ArgumentParser(prog="make bench", description=__doc__)
    asked.add_argument("--quick", action="store_true")
    is_quick = asked.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="shiproom-bench-") as folder:
        ours = Profiled(Path(folder) / "ours", MEMBERS)
        subprocess.run(ours.manage("shell", "--no-imports", "-c", _SEED), check=True, **ours.process)
        changes = _changes(ours, 1.0 if is_quick else 5.0)
        server = ours.start()
        try:
            spent, commands = asyncio.run(_busy(ours, 5 if is_quick else SECONDS))
        finally:
            server.terminate()
            server.wait(20)
    text, is_good = _told(spent, commands, changes)
    print(text)
    if not is_quick:
        about = report.about(HOME, [])
        head = f"# Trust\n\nWritten by `make bench` on {about['date']}, commit `{about['commit'][:12]}`."
        report.put(HOME, "trust", f"{head}\nMachine: {about['machine']}.\n\n{text}\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", *words]:
            serve(["serve", *words])
        case ["change", seconds]:
            change(float(seconds))
        case _:
            sys.exit(main())
