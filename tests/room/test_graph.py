"""A deployment's state as nodes: the structure, and the one status of several steps."""

import pytest

from chatops.room import graph
from deploy_core.rules import plan


def _state(kind="deploy", servers=("web-1", "web-2"), **statuses):
    steps = [step.as_json() | {"status": "pending", "reason": ""} for step in plan.lay_out(kind, list(servers))]
    for step in steps:
        step["status"] = statuses.get(step["key"].replace(":", "_").replace("-", "_"), "pending")
    return {"steps": steps}


def test_each_server_hangs_under_the_package_and_its_health_under_it():
    nodes = {node["key"]: node for node in graph.nodes(_state())}

    assert list(nodes)[:4] == ["start", "fetch", "build", "package"]
    assert nodes["server:web-1"]["parent"] == nodes["server:web-2"]["parent"] == "package"
    assert nodes["server:web-1"]["steps"] == ["stage:web-1", "switch:web-1"]
    assert nodes["health:web-1"]["parent"] == "server:web-1"
    assert nodes["health:web-1"]["steps"] == ["restart:web-1", "health:web-1"]


def test_a_rollback_goes_from_the_start_to_the_servers():
    nodes = {node["key"]: node for node in graph.nodes(_state("rollback"))}

    assert nodes["server:web-1"]["parent"] == "start"
    assert nodes["server:web-1"]["steps"] == ["switch:web-1"]


def test_the_way_back_belongs_to_its_server():
    state = _state()
    state["steps"] += [step.as_json() | {"status": "pending", "reason": ""} for step in plan.way_back(["web-1"])]

    nodes = {node["key"]: node for node in graph.nodes(state)}

    assert nodes["server:web-1"]["steps"] == ["stage:web-1", "switch:web-1", "back:web-1"]


def test_a_server_waits_between_its_upload_and_its_switch():
    nodes = {node["key"]: node for node in graph.nodes(_state(stage_web_1="succeeded"))}

    assert nodes["server:web-1"]["status"] == "pending"


@pytest.mark.parametrize(
    ("statuses", "folded"),
    [
        (["succeeded", "failed", "lost"], "failed"),
        (["timed_out", "running"], "timed_out"),
        (["lost", "running"], "lost"),
        (["running", "cancelled"], "running"),
        (["succeeded", "cancelled"], "cancelled"),
        (["succeeded", "pending"], "running"),
        (["skipped", "pending"], "pending"),
        (["succeeded", "skipped"], "succeeded"),
        (["skipped", "skipped"], "skipped"),
    ],
)
def test_the_loudest_step_gives_a_node_its_status(statuses, folded):
    assert graph.status_of({"kind": "task", "status": status, "reason": ""} for status in statuses) == folded


def test_a_server_that_was_not_reached_is_no_success_though_its_upload_was():
    uploaded, switched = {"kind": "stage", "status": "succeeded"}, {"kind": "switch", "status": "skipped"}
    steps = [uploaded | {"reason": ""}, switched | {"reason": "not_reached"}]

    assert graph.status_of(steps) == "skipped"
    assert graph.status_of([*steps, {"kind": "health", "status": "failed", "reason": "unreachable"}]) == "failed"
    assert graph.status_of([steps[0], switched | {"reason": "nothing_to_do"}]) == "succeeded"
