"""What the page's script computes as the server does, against the server's answer. Its own tests: `make check`."""

import html
import itertools
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatops.room import graph
from chatops.templatetags import looks
from deploy_core.rules import events, plan, states, times
from deploy_core.rules.status import StepStatus

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "static" / "js"
NAMES = ["alice", "bob", "carol", "dana", "Ærøskøbing", "张伟", "a" * 60]
SECONDS = [0, 0.04, 3.24, 9.94, 9.96, 48, 59.6, 112, 3723]
LINES = [
    "plain <b>",
    "\x1b[1;32mok\x1b[0m compiled",
    "\x1b[31mred\x1b[91mbright\x1b[39mnone\x1b[m",
    "\x1b[38;5;2mgreen\x1b[38;5;200mstays\x1b[38;2;1;2;3mtoo\x1b[48;5;1m",
    "\x1b[2mfaint\x1b[22m \x1b[4munder\x1b[24m",
    "a\x1b]0;title\x07b\x1b[2Kc\x1b[?25ld\x1bPqe\x1b\\f\x1bMg",
    "10 %\r50 %\r100 %\r",
    "turned \u202e round \x00 \x9b",
]
AT = datetime(2026, 11, 27, 10, tzinfo=UTC)


def node() -> str:
    """Where node is: on PATH, or in the environment that `make setup` made."""
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.fail("node is missing: install it, or run `make setup`, which brings one along")
    return found


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    """What the page computes of all that is compared here."""
    asked = {
        "journals": [{"id": 5, "events": [_frame(entry) for entry in JOURNAL]}],
        "steps": STEPS,
        "names": NAMES,
        "seconds": SECONDS,
        "lines": LINES,
    }
    done = subprocess.run(
        [node(), str(ROOT / "tests" / "js" / "mirror.js")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


#: Every pair and triple of statuses.
KINDS = [
    *({"kind": "switch", "status": str(each), "reason": ""} for each in StepStatus),
    {"kind": "switch", "status": "skipped", "reason": "not_reached"},
    {"kind": "stage", "status": "succeeded", "reason": ""},
]
STEPS = [list(some) for n in (1, 2, 3) for some in itertools.combinations(KINDS, n)]


def _journal() -> list[states.Entry]:
    """A deployment to two servers that is taken over, fails its health check and goes back."""
    told: list[events.Event] = [
        events.DeploymentRequested(
            "shop", "staging", "deploy", "main", "alice", "web", plan.lay_out("deploy", ["a", "b"]), "the menu is due"
        ),
        events.DeploymentPlanned("f" * 40, "main", "Show the prices", 3, "e" * 40, "h"),
        events.DeploymentAnswered("bob", True, "fine", 0),
        events.DeploymentMoved("planning", "queued", "behind", {"number": 4}),
        events.DeploymentMoved("queued", "running"),
        events.StepMoved("fetch", "pending", "running", 11, 1),
        events.TakenOver(2, "other"),
        events.StepMoved("fetch", "running", "running", 11, 2, lines=3),
        events.StepMoved("fetch", "running", "succeeded", 11, 2, exit_status=0, lines=9),
        events.StepMoved("health:a", "running", "failed", 12, 1, "health_failed", {"server": "a"}, 1, 4),
        events.DeploymentMoved("running", "rolling_back", "health_failed", {"server": "a"}),
        events.StepsAdded(plan.way_back(["a"])),
        events.StepMoved("back:a", "pending", "succeeded", 13, 1),
        events.CancelRequested("bob"),
        events.DeploymentMoved("rolling_back", "rolled_back", "health_failed", {"server": "a"}),
    ]
    return [
        states.Entry(number, event.kind, event.payload(), AT + timedelta(seconds=number))
        for number, event in enumerate(told, 1)
    ]


JOURNAL = _journal()


def _frame(entry: states.Entry) -> dict[str, Any]:
    return {"q": entry.number, "k": entry.kind, "d": entry.payload, "at": times.iso(entry.at)}


def test_a_journal_leads_to_the_same_state_on_the_page_as_on_the_server(computed: dict[str, Any]) -> None:
    assert computed["states"] == [states.replay(5, JOURNAL).as_json()]


def test_the_page_folds_statuses_as_the_server_does(computed: dict[str, Any]) -> None:
    assert computed["folds"] == [graph.status_of(steps) for steps in STEPS]


def test_every_status_looks_the_same_with_and_without_script(computed: dict[str, Any]) -> None:
    assert computed["looks"] == {status: [look.tone, look.icon] for status, look in looks.STATUSES.items()}


def test_a_person_keeps_their_ground_with_and_without_script(computed: dict[str, Any]) -> None:
    assert computed["hues"] == [looks.hue(name) for name in NAMES]


def test_durations_read_the_same_with_and_without_script(computed: dict[str, Any]) -> None:
    assert computed["durations"] == [looks.took(seconds) for seconds in SECONDS]


def test_a_log_line_looks_the_same_with_and_without_script(computed: dict[str, Any]) -> None:
    written = [
        "".join(
            f'<span class="{" ".join(run["classes"])}">{html.escape(run["text"])}</span>'
            if run["classes"]
            else html.escape(run["text"])
            for run in line
        )
        for line in computed["lines"]
    ]

    assert [html.unescape(looks.ansi(line)) for line in LINES] == [html.unescape(line) for line in written]


def test_the_room_fetches_all_its_modules_at_once() -> None:
    needed: set[str] = set()
    waiting = ["room.js"]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += re.findall(r'^import (?:[^"]*? from )?"\./([\w.]+)"', (SCRIPT / name).read_text(), re.M)

    listed = re.findall(r"js/([\w.]+)'", (ROOT / "templates" / "room" / "_modules.html").read_text())

    assert sorted(listed) == sorted(needed)


def test_no_module_writes_html() -> None:
    pattern = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")

    assert [path.name for path in SCRIPT.glob("*.js") if pattern.search(path.read_text())] == []
