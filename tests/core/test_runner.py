"""A deployment from request to end, on real git and real SSH servers, without an engine."""

import os

from deploy_core import deployments
from deploy_core.ledger import log
from deploy_core.models import KnownCommit, KnownRef
from deploy_core.rules.states import replay
from deploy_core.run import runner
from tests.core.world import commit, git, reasons, statuses, told


def test_a_deployment_reaches_every_server_and_says_what_it_did(world):
    deployment = world.deploy("main")

    assert deployment.status == "succeeded", told(deployment)
    assert world.running() == ["built 2", "built 2"]
    assert set(statuses(deployment).values()) == {"succeeded"}
    assert (world.folder() / "restarts").read_text() == deployment.revision + "\n"
    assert [each.release for each in deployments.current(world.environment)] == [deployment.release] * 2
    assert deployment.release.name == f"{deployment.pk}-{deployment.revision[:7]}"
    state = replay(deployment.pk, deployment.journal.all())
    assert (state.status, state.subject, state.commits, state.previous_revision) == ("succeeded", "Release 2", None, "")
    assert {step.status for step in state.steps.values()} == {"succeeded"}
    assert None not in {step.started_at or step.finished_at for step in state.steps.values()}


def test_planning_resolves_the_ref_once_and_only_the_revision_is_used_afterwards(world, tmp_path):
    world.app.repository = f"file://{tmp_path}/moving"
    world.app.save()
    git(tmp_path, "clone", "--quiet", str(world.repository), "moving")
    deployment = world.request("main")
    runner.plan(deployment.pk)
    commit(tmp_path / "moving", "Come later", version="9")

    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert deployment.revision == git(world.repository, "rev-parse", "main")
    assert world.running() == ["built 2", "built 2"]


def test_planning_queues_and_touches_no_server(world):
    deployment = world.request("v1")

    assert runner.plan(deployment.pk) == "ok"

    deployment.refresh_from_db()
    assert (deployment.status, deployment.run) == ("queued", 2)
    assert deployment.plan["servers"] == [f"{world.app.name}-1", f"{world.app.name}-2"]
    assert len(deployment.plan_hash) == 64
    assert not world.folder().exists()
    assert runner.plan(deployment.pk) == "over"


def test_a_branch_whose_name_is_no_text_is_left_out_and_harms_nobody(world):
    name = os.fsdecode(b"b\xff")
    git(world.repository, "update-ref", f"refs/heads/{name}", "main")
    try:
        deployment = world.deploy("main")
    finally:
        git(world.repository, "update-ref", "-d", f"refs/heads/{name}")

    assert deployment.status == "succeeded"
    assert "main" in set(world.app.refs.values_list("name", flat=True))


def test_a_fault_that_no_step_had_ends_the_planning(world, monkeypatch):
    def fault(*_args, **_options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(runner.gates, "pass_on", fault)
    deployment = world.request("main")

    assert runner.plan(deployment.pk) == "failed"

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ("failed", "internal")


def test_a_fetch_keeps_refs_and_commits_for_those_who_ask_the_bot(world):
    KnownRef.objects.create(app=world.app, kind="branch", name="gone", revision="0" * 40, at="2026-01-01T00:00Z")

    world.deploy("main")

    world.app.refresh_from_db()
    branches = set(world.app.refs.filter(kind="branch").values_list("name", flat=True))
    assert branches == {"main", "ill", "no-build", "misspelt", "no-file", "twin"}
    assert set(world.app.refs.filter(kind="tag").values_list("name", flat=True)) == {"v1", "v2", "twin"}
    subjects = KnownCommit.objects.filter(app=world.app, branch="ill").order_by("position")
    assert list(subjects.values_list("subject", flat=True)) == ["Be ill", "Release 2", "Release 1"]
    assert world.app.fetched is not None


def test_commits_since_what_is_live_are_counted(world):
    world.deploy("v1")

    state = replay(1, world.deploy("ill").journal.all())

    assert (state.commits, state.previous_revision) == (2, git(world.repository, "rev-parse", "v1"))


def test_steps_without_work_are_skipped_and_say_so(world):
    world.app.pipeline = "keep: 2"
    world.app.save()

    deployment = world.deploy("main")

    assert deployment.status == "succeeded", told(deployment)
    one = f"{world.app.name}-1"
    assert {key: reason for key, reason in reasons(deployment).items() if ":" not in key or key.endswith(one)} == {
        "build": "nothing_to_do",
        f"restart:{one}": "nothing_to_do",
        f"health:{one}": "nothing_to_do",
    }
    assert (world.folder() / "current" / "version").read_text() == "2"


def test_hooks_and_variables_reach_builds_and_servers(world):
    world.environment.variables = {"COLOUR": "red; touch /tmp/never", "WHERE": "environment"}
    world.environment.save()
    placement = world.environment.placements.first()
    placement.variables = {"WHERE": "placement"}
    placement.save()
    world.app.pipeline = """
        variables: {WHERE: file, SIZE: small}
        hooks:
          before_fetch: ["test ! -e version"]
          after_fetch: ["echo fetched > story"]
          before_switch:
            - echo "before $WHERE $SIZE in ${PWD##*/}" > before
            - readlink ../../current >> before || echo none >> before
          after_switch: ['echo "after $COLOUR" > after']
        build: {commands: ['echo "built $SIZE $SHIPROOM_APP" >> story']}
    """
    world.app.save()

    deployment = world.deploy("main")

    assert deployment.status == "succeeded", told(deployment)
    current = world.folder() / "current"
    assert (current / "story").read_text() == f"fetched\nbuilt small {world.app.name}\n"
    assert (current / "before").read_text() == f"before placement small in {deployment.release.name}\nnone\n"
    assert (current / "after").read_text() == "after red; touch /tmp/never\n"


def test_servers_switch_in_batches(world):
    world.app.pipeline = "batches: {size: 1, pause: 0.1}\nrestart: {command: 'true'}"
    world.app.save()

    deployment = world.deploy("main")

    assert deployment.status == "succeeded", told(deployment)
    moved = [
        (entry.payload["key"].partition(":")[::2], entry.payload["to"])
        for entry in deployment.journal.filter(kind="step.moved")
    ]
    one, two = f"{world.app.name}-1", f"{world.app.name}-2"
    assert moved.index((("restart", one), "succeeded")) < moved.index((("switch", two), "running"))
    assert moved.index((("stage", two), "succeeded")) < moved.index((("switch", one), "running"))


def test_health_is_watched_for_as_long_as_the_file_says(world):
    world.app.pipeline = "health: {http: {port: PORT, path: /}, interval: 0.05}\nverify: 0.2"
    world.app.save()

    deployment = world.deploy("main")

    assert deployment.status == "succeeded", told(deployment)
    moves = [(entry.payload["to"], entry.at) for entry in deployment.journal.filter(kind="deployment.moved")]
    assert [to for to, _ in moves] == ["queued", "running", "verifying", "succeeded"]
    assert (moves[3][1] - moves[2][1]).total_seconds() >= 0.2


def test_a_second_deployment_stays_queued_while_the_first_is_active(world):
    first, second = world.request("v1"), world.request("v2")
    for deployment in (first, second):
        runner.plan(deployment.pk)
    inside = []

    def between(name, phase):
        if name == "stage":
            inside.append(runner.run(second.pk))
        return phase()

    assert runner.run(first.pk, do_step=between) == "ok"
    assert inside == ["busy"]
    second.refresh_from_db()
    assert second.status == "queued"
    assert runner.run(second.pk) == "ok"
    assert world.running() == ["built 2", "built 2"]


def test_output_is_stored_by_line_and_names_its_stream(world):
    world.app.pipeline = 'build: {commands: ["echo out; echo err >&2"]}'
    world.app.save()

    deployment = world.deploy("main")

    build = deployment.steps.get(key="build")
    told_lines = [(stream, text) for _, _, stream, text in log.lines(build.pk)]
    assert told_lines[0] == ("m", "$ echo out; echo err >&2")
    assert sorted(told_lines[1:]) == [("e", "err"), ("o", "out")]
    last = deployment.journal.filter(kind="step.moved", payload__key="build").last()
    assert last.payload["lines"] == build.log_lines == 3


def test_a_finished_run_walked_again_does_nothing(world):
    deployment = world.deploy("main")
    entries = deployment.journal.count()

    assert runner.run(deployment.pk) == "over"
    assert deployment.journal.count() == entries


def test_a_run_of_another_name_does_nothing(world):
    deployment = world.request("main")

    assert runner.plan(deployment.pk, deployment.run + 1) == "over"
    assert runner.run(deployment.pk, deployment.run) == "over"
