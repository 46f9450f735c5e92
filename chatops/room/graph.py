"""A deployment's state as the nodes of its graph: a tree that GoJS draws, told apart by stable keys.

`start → fetch → build → package`, under it one node per server (`server:web-1`: stage, switch, and the way
back), under that one `health:web-1` (restart and health). The page gets the structure from here, once,
and folds the statuses of a node's steps as `status_of` does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

#: Which node of its server a step belongs to; a step of any other kind is a node of its own.
_PARTS = {
    "stage": "server",
    "switch": "server",
    "back": "server",
    "task": "server",
    "restart": "health",
    "health": "health",
}
_FIGURES = {"start": "Circle", "server": "RoundedRectangle", "health": "Capsule"}

#: A node shows the first of these that one of its steps has.
_LOUDEST = ("failed", "timed_out", "lost", "running", "cancelled")
#: What a step counts as that was skipped because its deployment ended before.
_UNREACHED = "unreached"
#: And an upload that is done: the server waits until it is its turn to switch.
_READY = "ready"


def nodes(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a deployment state (`DeploymentState.as_json()`), parents before children.

    Each has `key, parent, text, kind, figure, status, steps` (the keys of the steps it stands for);
    `text` is the server's name, and empty where the kind says it all.
    """
    steps = {step["key"]: step for step in state["steps"]}
    grown: dict[str, dict[str, Any]] = {}
    for step in steps.values():
        kind = _PARTS.get(step["kind"], step["kind"])
        key = _node_of(step)
        if key not in grown:
            parent = steps.get(step["parent"])
            grown[key] = {
                "key": key,
                "parent": _node_of(parent) if parent else "",
                "text": step["server"],
                "kind": kind,
                "figure": _FIGURES.get(kind, "RoundedRectangle"),
                "steps": [],
            }
        grown[key]["steps"].append(step["key"])
    for node in grown.values():
        node["status"] = status_of(steps[key] for key in node["steps"])
    return list(grown.values())


def _node_of(step: Mapping[str, Any]) -> str:
    part = _PARTS.get(step["kind"])
    return f"{part}:{step['server']}" if part else step["key"]


def status_of(steps: Iterable[Mapping[str, Any]]) -> str:
    """One status for several steps: the loudest; else `running` while some are done and some are not.

    With nothing but its upload done, a server waits for its turn. Steps before one that was not reached do not make a
    success: nothing there is done.
    """
    return _fold(map(_counted, steps))


def _counted(step: Mapping[str, Any]) -> str:
    status: str = step["status"]
    if (status, step["reason"]) == ("skipped", "not_reached"):
        return _UNREACHED
    return _READY if (step["kind"], status) == ("stage", "succeeded") else status


def _fold(statuses: Iterable[str]) -> str:
    found = set(statuses)
    for status in _LOUDEST:
        if status in found:
            return status
    if "pending" in found:
        return "running" if "succeeded" in found else "pending"
    if _UNREACHED in found:
        return "skipped"
    return "succeeded" if found & {"succeeded", _READY} or not found else "skipped"
