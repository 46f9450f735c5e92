"""Journals as a run writes them, for what is computed from them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy_core.rules import events, plan, states, times

AT = datetime(2026, 11, 27, 13, tzinfo=UTC)


def run(servers: Sequence[str], *, batches: Sequence[Sequence[str]] = (), ill: str = "") -> list[states.Entry]:
    """A deployment to `servers`, in `batches`; on `ill` the health check fails, and its server goes back."""
    told: list[events.Event] = [
        events.DeploymentRequested(
            "shop", "live", "deploy", "main", "alice", "web", plan.lay_out("deploy", list(servers))
        ),
        events.StepMoved("fetch", "pending", "running", 1, 1),
        events.StepMoved("fetch", "running", "succeeded", 1, 1, exit_status=0, lines=4),
        events.DeploymentPlanned("f" * 40, "main", "Sell hats", 3, "e" * 40, "h"),
        events.DeploymentMoved(
            "planning", "awaiting_approval", "approval_wanted",
            {"needed": 2, "people": ["bob", "carol", "dora"], "until": {"at": "2026-11-28T13:00:00.000Z"}},
        ),
        events.DeploymentAnswered("bob", True, "fine", 1),
        events.DeploymentAnswered("carol", True, "", 0),
        events.DeploymentMoved("awaiting_approval", "queued"),
        events.DeploymentMoved("queued", "running"),
        *([events.DeploymentBatched(tuple(tuple(each) for each in batches))] if batches else []),
        *_on_servers(servers, ill),
    ]  # fmt: skip
    if ill:
        params = {"server": ill, "runs": {"r-1": [ill]}}
        told += [
            events.StepsAdded(plan.way_back([ill])),
            events.DeploymentMoved("running", "rolling_back", "health_failed", params),
            events.StepMoved(f"back:{ill}", "pending", "running", 90, 1),
            events.StepMoved(f"back:{ill}", "running", "succeeded", 90, 1, exit_status=0),
        ]
    status = "failed" if ill else "succeeded"
    told.append(
        events.DeploymentMoved("running", status, "health_failed" if ill else "", {"runs": {"r": [ill]}} if ill else {})
    )
    return [entry(number, event) for number, event in enumerate(told, 1)]


def entry(number: int, event: events.Event) -> states.Entry:
    """A second and a bit after the one before."""
    return states.Entry(number, event.kind, event.payload(), AT + timedelta(milliseconds=1300 * number))


def _on_servers(servers: Sequence[str], ill: str) -> Iterator[events.Event]:
    for number, name in enumerate(servers, 10):
        for kind in ("stage", "switch", "restart", "health"):
            yield events.StepMoved(f"{kind}:{name}", "pending", "running", number, 1)
            if name == ill and kind == "health":
                yield events.StepMoved(f"{kind}:{name}", "running", "failed", number, 1, "health_failed", {}, 1, 3)
                return
            yield events.StepMoved(f"{kind}:{name}", "running", "succeeded", number, 1, exit_status=0, lines=2)


def frame(told: states.Entry) -> dict[str, Any]:
    """An entry as it travels."""
    return {"q": told.number, "k": told.kind, "d": told.payload, "at": times.iso(told.at)}
