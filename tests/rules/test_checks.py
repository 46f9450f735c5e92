"""What checks say about a revision."""

import pytest

from deploy_core.rules.checks import Check, of_run, of_status, verdict

GREEN, RED, SLOW = Check("ci/test", "green"), Check("lint", "red", "https://ci.example/1"), Check("e2e", "pending")


@pytest.mark.parametrize(
    ("required", "found", "red", "waiting"),
    [
        ([], [RED], (), ()),
        (["ci/test"], [GREEN, RED], (), ()),
        (["lint"], [GREEN, RED], (RED,), ()),
        (["e2e"], [SLOW], (), ("e2e",)),
        (["ci/test"], [], (), ("ci/test",)),
        (["*"], [], (), ("*",)),
        (["*"], [GREEN], (), ()),
        (["*"], [GREEN, RED, SLOW], (RED,), ("e2e",)),
        (["*", "ci/build"], [GREEN], (), ("ci/build",)),
    ],
)
def test_a_revision_goes_when_all_that_is_required_is_green(required, found, red, waiting):
    assert verdict(required, found) == (red, waiting)


@pytest.mark.parametrize(
    ("told", "check"),
    [
        (
            {"context": "a", "state": "success", "target_url": "https://x.example"},
            Check("a", "green", "https://x.example"),
        ),
        ({"context": "a", "state": "error", "target_url": "javascript:1"}, Check("a", "red")),
        ({"context": "a", "state": "pending", "target_url": None}, Check("a", "pending")),
        ({"context": "a", "state": "strange"}, None),
        ({"context": 1, "state": "success"}, None),
        ({}, None),
    ],
)
def test_a_status_is_read_as_far_as_it_is_one(told, check):
    assert of_status(told) == check


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"status": "completed", "conclusion": "success"}, "green"),
        ({"status": "completed", "conclusion": "skipped"}, "green"),
        ({"status": "completed", "conclusion": "timed_out"}, "red"),
        ({"status": "completed", "conclusion": None}, "red"),
        ({"status": "in_progress", "conclusion": None}, "pending"),
    ],
)
def test_a_run_counts_when_it_is_done(told, state):
    assert of_run({"name": "build", **told}) == Check("build", state)
    assert of_run(told) is None
