"""What people and machines do wrong, through the real road: a typed line, the engine, a server.

Every deployment that goes wrong says why in a sentence, has the right step in red with its last lines, leaves the
server on its old release, and leaves the queue free.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.road.world import SPOILED
from tests.services.shiproom import Shiproom
from tests.services.small_disk import SmallDisk


@dataclass(frozen=True)
class Expected:
    """How it ends: the reason's code, the step in red, and words that its sentence and its last lines hold."""

    reason: str
    step: str
    sentence: str
    lines: str = ""


EXPECTED = {
    "unreachable-git": Expected("git_unreachable", "fetch", "did not answer"),
    "forbidden-git": Expected("git_url_not_allowed", "fetch", "is not allowed"),
    "loopback-git": Expected("git_url_not_allowed", "fetch", "is not allowed"),
    "unknown-ref": Expected("ref_not_found", "fetch", "No branch, tag or commit “featrue”"),
    "ambiguous-ref": Expected("ambiguous_ref", "fetch", "both a branch and a tag"),
    "wrong-file": Expected("pipeline_wrong", "fetch", "environments.staging.health.http.path: expected"),
    "failing-build": Expected("build_failed", "build", "exit status 7", "no glue left"),
    "stderr-only": Expected("command_failed", "restart:", "exit status 3", "only to stderr"),
    "hanging": Expected("timed_out", "restart:", "did not end within 2", "about to wait"),
    "endless-output": Expected("output_limit", "restart:", "printed more than", "quick brown fox"),
    "unreachable": Expected("unreachable", "", "did not answer"),
    "other-host-key": Expected("host_key_changed", "", "another host key"),
    "wrong-login": Expected("login_refused", "", "refused the login"),
    "full-disk": Expected("disk_full", "stage:", "no space left on its disk", "No space left on device"),
}


@dataclass(frozen=True)
class Story:
    """What became of every app: its release before, its bad deployment, its release after, and the mended one."""

    before: dict[str, str]
    bad: dict[str, dict[str, Any]]
    after: dict[str, str]
    mended: dict[str, str]


def _current(server: Shiproom, disk: SmallDisk) -> dict[str, str]:
    """The release that each app's server is on, by the link that requests are served through."""
    home = server.data / "demo" / "servers" / "web-1" / "apps"
    links = {name: (disk.folder if name == "full-disk" else home / name) / "current" for name in SPOILED}
    return {name: link.resolve().name for name, link in links.items() if link.is_dir()}


def _deploy_all(server: Shiproom, prepare: str, *, spoiled: bool) -> dict[str, int]:
    """Run `prepare`, ask for a deployment of every app, wait until all have ended; their numbers."""
    said = server.run_code(f"from tests.road import world; {prepare}; world.ask(spoiled={spoiled})")
    numbers: dict[str, int] = json.loads(said.splitlines()[-1])
    for number in numbers.values():
        server.ended(number, timeout_s=90)
    return numbers


@pytest.fixture(scope="module")
def story(server: Shiproom, full_disk: SmallDisk) -> Story:
    """All apps at once, so that the whole module takes as long as its slowest."""
    good = _deploy_all(server, f"world.make({str(full_disk.folder)!r})", spoiled=False)
    before = _current(server, full_disk)
    full_disk.fill()
    bad = _deploy_all(server, "world.spoil()", spoiled=True)
    full_disk.free()
    after = _current(server, full_disk)
    mended = _deploy_all(server, "world.mend()", spoiled=False)
    told = json.loads(server.run_code(f"from tests.road import world; world.tell({list(bad.values())})"))
    assert {name: server.ended(number)[0] for name, number in good.items()} == dict.fromkeys(SPOILED, "succeeded")
    return Story(
        before,
        {name: told[str(number)] for name, number in bad.items()},
        after,
        {name: server.ended(number)[0] for name, number in mended.items()},
    )


@pytest.fixture
def name(request: pytest.FixtureRequest, full_disk: SmallDisk) -> str:
    """One of the apps."""
    if request.param == "full-disk" and not full_disk.is_real:
        pytest.skip("only root can mount a disk that is small enough to be filled")
    return str(request.param)


@pytest.mark.parametrize("name", EXPECTED, indirect=True)
def test_it_ends_with_its_reason_in_a_sentence(story: Story, name: str) -> None:
    told, expected = story.bad[name], EXPECTED[name]

    assert told["status"] in ("failed", "rolled_back")
    assert told["reason"] == expected.reason
    assert expected.sentence in told["sentence"]
    assert told["announced"], "the room was not told"


@pytest.mark.parametrize("name", EXPECTED, indirect=True)
def test_the_step_that_failed_is_red_with_its_last_lines(story: Story, name: str) -> None:
    told, expected = story.bad[name], EXPECTED[name]

    red = [key for key, status in told["bad_steps"].items() if status in ("failed", "timed_out")]
    assert [key for key in red if key.startswith(expected.step)], told
    assert any(expected.lines in line for lines in told["tails"].values() for line in lines) or not expected.lines


@pytest.mark.parametrize("name", EXPECTED, indirect=True)
def test_its_server_stays_on_the_old_release_and_the_queue_is_free(story: Story, name: str) -> None:
    assert story.before[name]
    assert story.after[name] == story.before[name]
    assert story.mended[name] == "succeeded"


def test_endless_output_is_cut_before_it_fills_the_disk(story: Story) -> None:
    assert story.bad["endless-output"]["log_bytes"] < 12 * 1024 * 1024


def test_a_forbidden_address_runs_nothing(story: Story) -> None:
    assert story.bad["forbidden-git"]["reason"] == "git_url_not_allowed"
    assert not Path("/tmp/never").exists()
