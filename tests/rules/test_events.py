"""The state that follows from a journal."""

from datetime import UTC, datetime, timedelta

from deploy_core.rules.events import (
    CancelRequested,
    DeploymentAnswered,
    DeploymentBatched,
    DeploymentMoved,
    DeploymentPlanned,
    DeploymentRequested,
    StepMoved,
    StepsAdded,
    TakenOver,
)
from deploy_core.rules.plan import lay_out, way_back
from deploy_core.rules.states import Entry, replay, until
from deploy_core.rules.times import iso

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
REQUESTED = DeploymentRequested("shop", "staging", "deploy", "main", "alice", "web", lay_out("deploy", ["web-1"]))
PLANNED = DeploymentPlanned("a" * 40, "main", "Sell hats", 3, "b" * 40, "c" * 64)


def journal(*events):
    """Entries of `events`, a second apart from noon."""
    return [
        Entry(number, event.kind, event.payload(), NOON + timedelta(seconds=number))
        for number, event in enumerate(events, 1)
    ]


def step(key, source, target, **more):
    return StepMoved(key, source, target, step_id=7, attempt=more.pop("attempt", 1), **more)


def test_a_request_shows_every_step_before_anything_runs():
    state = replay(5, journal(REQUESTED))

    assert (state.id, state.app, state.environment, state.kind, state.ref) == (5, "shop", "staging", "deploy", "main")
    assert (state.by, state.surface, state.status) == ("alice", "web", "planning")
    assert list(state.steps) == [planned.key for planned in lay_out("deploy", ["web-1"])]
    assert {each.status for each in state.steps.values()} == {"pending"}
    assert state.requested_at == NOON + timedelta(seconds=1)


def test_the_plan_names_the_revision():
    state = replay(5, journal(REQUESTED, PLANNED))

    assert (state.revision, state.subject, state.commits, state.previous_revision) == (
        "a" * 40,
        "Sell hats",
        3,
        "b" * 40,
    )


def test_moves_carry_their_reason_and_their_times():
    state = replay(
        5,
        journal(
            REQUESTED,
            DeploymentMoved("planning", "queued"),
            DeploymentMoved("queued", "running"),
            DeploymentMoved("running", "failed", "health_failed", {"server": "web-1"}),
        ),
    )

    assert (state.status, state.reason, state.params) == ("failed", "health_failed", {"server": "web-1"})
    assert state.started_at == NOON + timedelta(seconds=3)
    assert state.finished_at == NOON + timedelta(seconds=4)


def test_a_step_keeps_its_newest_attempt():
    state = replay(
        5,
        journal(
            REQUESTED,
            step("build", "pending", "running"),
            step("build", "running", "running", attempt=2),
            step(
                "build",
                "running",
                "failed",
                attempt=2,
                reason="build_failed",
                params={"tail": ["no"]},
                exit_status=2,
                lines=9,
            ),
        ),
    )
    build = state.steps["build"]

    assert (build.status, build.reason, build.params, build.attempt) == ("failed", "build_failed", {"tail": ["no"]}, 2)
    assert (build.exit_status, build.step_id, build.lines) == (2, 7, 9)
    assert (build.started_at, build.finished_at) == (NOON + timedelta(seconds=3), NOON + timedelta(seconds=4))


def test_the_way_back_is_added_once():
    added = StepsAdded(way_back(["web-1"]))

    state = replay(5, journal(REQUESTED, added, step("back:web-1", "pending", "running"), added))

    assert list(state.steps)[-1] == "back:web-1"
    assert state.steps["back:web-1"].status == "running"


def test_a_cancel_names_who_asked():
    assert replay(5, journal(REQUESTED, CancelRequested("bob"))).cancel_requested_by == "bob"


def test_entries_of_a_newer_version_are_passed_over():
    entries = [*journal(REQUESTED, TakenOver(2, "embedded")), Entry(3, "deployment.sung", {}, NOON)]

    state = replay(5, entries)

    assert (state.number, state.status) == (3, "planning")


def test_any_moment_can_be_replayed_and_going_on_from_it_is_the_same():
    entries = journal(REQUESTED, PLANNED, step("build", "pending", "running"), step("build", "running", "succeeded"))

    for at in range(len(entries) + 1):
        state = replay(5, entries[:at])
        for entry in entries[at:]:
            state.apply(entry)
        assert state == replay(5, entries)


def test_the_state_travels_as_json_with_times_in_utc():
    data = replay(5, journal(REQUESTED, step("build", "pending", "running"))).as_json()

    assert data["requested_at"] == "2026-11-27T12:00:01.000Z"
    assert data["finished_at"] is None
    assert data["steps"][2] == {
        "key": "build",
        "kind": "build",
        "parent": "fetch",
        "server": "",
        "status": "running",
        "reason": "",
        "params": {},
        "attempt": 1,
        "exit_status": None,
        "started_at": "2026-11-27T12:00:02.000Z",
        "finished_at": None,
        "step_id": 7,
        "lines": 0,
    }
    assert iso(None) is None


def test_the_batches_are_part_of_the_state():
    state = replay(5, journal(REQUESTED, DeploymentBatched((("web-1",), ("web-2",)))))

    assert state.as_json()["batches"] == [["web-1"], ["web-2"]]


def test_answers_are_part_of_the_state_until_there_is_another_plan():
    entries = journal(REQUESTED, PLANNED, DeploymentAnswered("bob", True, "looks fine", 1))

    answers = replay(5, entries).answers

    assert answers == [{"by": "bob", "is_yes": True, "comment": "looks fine", "at": "2026-11-27T12:00:03.000Z"}]
    assert replay(5, [*entries, entries[1]]).answers == []


def test_the_past_is_a_prefix_of_the_journal_also_where_the_clock_went_back():
    first, second, third = journal(REQUESTED, PLANNED, step("build", "pending", "running"))
    back = third._replace(at=first.at)

    assert list(until([first, second, third], second.at)) == [first, second]
    assert list(until([first, second, back], first.at)) == [first]
    assert list(until([first, second, back], second.at)) == [first, second, back]
    assert list(until([first, second], first.at - timedelta(seconds=1))) == []
