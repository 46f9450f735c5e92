"""What a deployment's page computes twice, on the server and in the script, is the same."""

import itertools
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chatops.deployments import acts, consent, moments, rows
from deploy_core.rules import states
from deploy_core.rules.status import Status
from tests.deployments import journals
from tests.room.test_page_script import node

ROOT = Path(__file__).parents[2]
MANY = [f"web-{number}" for number in range(1, 61)]
JOURNALS = {
    "small": journals.run(["a", "b", "c"], ill="b"),
    "turns": journals.run(["a", "b", "c"], batches=(("b",), ("a", "c")), ill="c"),
    "many": journals.run(MANY, ill="web-40"),
    "turns of many": journals.run(MANY, batches=(MANY[:1], MANY[1:30], MANY[30:])),
}


@pytest.fixture(scope="module", params=JOURNALS)
def run(request: pytest.FixtureRequest) -> tuple[list[states.Entry], dict[str, Any]]:
    """A journal, and what the page computes of it: of the whole, of some moments, and of its state in every status."""
    entries = JOURNALS[request.param]
    state = states.replay(5, entries).as_json()
    asked = {
        "events": [journals.frame(each) for each in entries],
        "moments": [int(each.timestamp() * 1000) for each in _moments(entries)],
        "states": [state | more for more in VARIANTS],
    }
    done = subprocess.run(
        [node(), str(ROOT / "tests" / "js" / "page_mirror.js")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return entries, json.loads(done.stdout)


VARIANTS = [
    {"status": str(status), "kind": kind, "cancel_requested_by": by, "finished_at": None}
    for status, kind, by in itertools.product(Status, ("deploy", "rollback", "task"), ("", "bob"))
]


def _moments(entries: list[states.Entry]) -> list[Any]:
    """Every second from before the run until after its end; of a long one some."""
    seconds = int((entries[-1].at - journals.AT).total_seconds()) + 3
    some = range(0, seconds, max(1, seconds // 60))
    return [journals.AT + timedelta(seconds=each) for each in (*some, seconds)]


def test_every_moment_of_a_run_is_the_same_in_the_script(run: tuple[list[states.Entry], dict[str, Any]]) -> None:
    entries, computed = run

    expected = [states.replay(5, states.until(entries, moment)).as_json() for moment in _moments(entries)]

    assert computed["past"] == expected
    assert computed["past"][-1] == states.replay(5, entries).as_json()


def test_the_page_of_a_state_is_the_same_in_the_script(run: tuple[list[states.Entry], dict[str, Any]]) -> None:
    entries, computed = run
    state = states.replay(5, entries).as_json()

    for shown, page in zip([state, *(state | more for more in VARIANTS)], computed["pages"], strict=True):
        servers = rows.servers_of(shown)
        assert page["rows"] == [[row.kind, row.key] for row in rows.step_rows(shown)]
        assert page["telling"] == [rows.telling(each)["key"] for each in servers]
        assert page["went"] == [rows.went(each, "before", "after") for each in servers]
        assert page["slow"] == sorted(rows.slow_keys(servers))
        assert page["marks"] == [mark._asdict() for mark in moments.marks(shown)]
        assert page["consent"] == consent.of(shown)
        assert page["moves"] == sorted(acts.open_words(shown))


def test_a_step_that_took_far_longer_than_elsewhere_is_slow() -> None:
    entries = journals.run(["a", "b", "c"])
    late = next(each for each in entries if each.payload.get("key") == "health:c" and each.payload["to"] == "succeeded")
    slowed = [
        each._replace(at=each.at + timedelta(minutes=1)) if each.number == late.number else each for each in entries
    ]

    assert rows.slow_keys(rows.servers_of(states.replay(5, slowed).as_json())) == {"health:c"}
