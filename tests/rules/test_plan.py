"""The steps of a deployment and the hash of its plan."""

from deploy_core.rules import plan
from deploy_core.rules.plan import PlannedStep


def test_a_deployment_forms_a_tree_from_start_to_each_servers_health():
    steps = plan.lay_out("deploy", ["web-1", "web-2"])

    assert [(step.key, step.parent) for step in steps] == [
        ("start", ""),
        ("fetch", "start"),
        ("build", "fetch"),
        ("package", "build"),
        ("stage:web-1", "package"),
        ("switch:web-1", "stage:web-1"),
        ("restart:web-1", "switch:web-1"),
        ("health:web-1", "restart:web-1"),
        ("stage:web-2", "package"),
        ("switch:web-2", "stage:web-2"),
        ("restart:web-2", "switch:web-2"),
        ("health:web-2", "restart:web-2"),
    ]
    assert [step.server for step in steps[:5]] == ["", "", "", "", "web-1"]


def test_a_rollback_needs_neither_git_nor_an_upload():
    steps = plan.lay_out("rollback", ["web-1"])

    assert [(step.key, step.parent) for step in steps] == [
        ("start", ""),
        ("switch:web-1", "start"),
        ("restart:web-1", "switch:web-1"),
        ("health:web-1", "restart:web-1"),
    ]


def test_the_way_back_hangs_under_the_switch():
    assert plan.way_back(["web-2"]) == (PlannedStep("back:web-2", "back", "switch:web-2", "web-2"),)


def test_a_planned_step_survives_json():
    step = plan.lay_out("deploy", ["web-1"])[4]

    assert PlannedStep.from_json(step.as_json()) == step


def hash_of(**changes):
    whole = {"revision": "a" * 40, "pipeline": "keep: 5", "servers": ["web-1", "web-2"], "values": {"path": "srv"}}
    return plan.plan_hash(**{**whole, **changes})


def test_the_same_plan_has_the_same_hash_and_any_change_another():
    changes = [
        {"revision": "b" * 40},
        {"pipeline": "keep: 4"},
        {"servers": ["web-1"]},
        {"values": {"path": "other"}},
    ]

    assert hash_of() == hash_of()
    assert len({hash_of(), *(hash_of(**change) for change in changes)}) == 5
