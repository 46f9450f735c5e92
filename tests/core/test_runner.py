"""A deployment from request to end, on real git and real SSH servers, without an engine."""

import os

import pytest

from deploy_core import deployments
from deploy_core.errors import ConnectionLost
from deploy_core.ledger import log
from deploy_core.models import Artifact, KnownCommit, KnownRef, Manifest, Release, ReleaseCopy
from deploy_core.reach import staging
from deploy_core.rules.states import replay
from deploy_core.run import bases, runner
from tests.core.world import commit, git, told


def statuses(deployment):
    return dict(deployment.steps.values_list("key", "status"))


def reasons(deployment):
    return dict(deployment.steps.exclude(reason="").values_list("key", "reason"))


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


def test_the_same_revision_is_built_once(world):
    world.deploy("main")

    again = world.deploy("main")

    assert again.status == "succeeded", told(again)
    assert reasons(again) == {"build": "already_built", "package": "already_built"}
    assert statuses(again)["build"] == "skipped"
    assert Artifact.objects.filter(app=world.app).count() == 1
    assert Release.objects.filter(environment=world.environment).count() == 2


def test_a_lost_artifact_is_built_again(world, settings):
    first = world.deploy("main")
    (settings.SHIPROOM_ARTIFACTS / f"{first.release.manifest_id}.tar").unlink()

    again = world.deploy("main")

    assert again.status == "succeeded", told(again)
    assert statuses(again)["build"] == "succeeded"
    assert Manifest.objects.count() == 1


@pytest.mark.parametrize(
    ("after", "ends_as"), [("stage", ("succeeded", "")), ("switch-0", ("failed", "artifact_lost"))]
)
def test_a_build_that_came_out_differently_does_not_mix_with_what_servers_have(
    world, settings, tmp_path, after, ends_as
):
    """Where nothing was switched, all servers get the new one; else no server gets it."""
    settings.SHIPROOM_ARTIFACTS = tmp_path
    world.app.pipeline = "build: {commands: ['head -c 8 /dev/urandom > built']}"
    world.app.save()
    deployment = world.request("main")
    runner.plan(deployment.pk)

    def lose(name, phase):
        code = phase()
        if name == after:
            [path.unlink() for path in tmp_path.iterdir()]
            raise KeyboardInterrupt
        return code

    with pytest.raises(KeyboardInterrupt):
        runner.run(deployment.pk, do_step=lose)
    deployment.steps.filter(key__in=("build", "package", f"stage:{world.app.name}-2")).update(status="pending")
    runner.run(deployment.pk)

    deployment.refresh_from_db()
    assert (deployment.status, deployment.reason) == ends_as, told(deployment)
    contents = {(world.folder(number) / "current" / "built").read_bytes() for number in (0, 1)}
    assert len(contents) == 1


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


def test_only_what_the_package_names_is_shipped_and_shared_paths_outlive_releases(world):
    world.app.pipeline = "package: {exclude: [healthy, deploy.yml]}\nshared: {folders: [uploads]}\nkeep: 5"
    world.app.save()
    world.deploy("v1")
    (world.folder() / "current" / "uploads" / "photo").write_text("hat")

    world.deploy("v2")

    assert sorted(path.name for path in (world.folder() / "current").iterdir()) == ["uploads", "version"]
    assert (world.folder() / "current" / "uploads" / "photo").read_text() == "hat"


def test_old_releases_are_pruned_with_their_rows(world):
    world.app.pipeline = "keep: 2"
    world.app.save()

    made = [world.deploy(ref) for ref in ("v1", "v2", "v1", "v2")]

    names = [deployment.release.name for deployment in made[-2:]]
    assert sorted(path.name for path in (world.folder() / "releases").iterdir() if path.is_dir()) == sorted(names)
    assert set(ReleaseCopy.objects.values_list("release__name", flat=True)) == set(names)


def test_a_hook_that_writes_into_its_release_leaves_the_one_before_as_it_was(world):
    world.app.pipeline = "keep: 3"
    world.app.save()
    first = world.deploy("v1")
    world.app.pipeline = "keep: 3\nhooks: {before_switch: ['echo warm >> healthy']}"
    world.app.save()

    second = world.deploy("v2")

    releases = world.folder() / "releases"
    assert (releases / second.release.name / "healthy").read_text() == "yeswarm\n"
    assert (releases / first.release.name / "healthy").read_text() == "yes"
    stage = second.steps.filter(key__startswith="stage:").first()
    assert f"from {first.release.name}" in list(log.lines(stage.pk))[-1][3]


def test_a_server_that_cannot_be_pruned_keeps_no_row_of_another_one(world, monkeypatch):
    world.app.pipeline = "keep: 2"
    world.app.save()
    first, _ = world.deploy("v1"), world.deploy("v2")
    stubborn = f"{world.app.name}-1"
    prune = staging.prune

    def fail_on_one(connection, *args, **more):
        if connection.server.name == stubborn:
            raise ConnectionLost(server=connection.server.name)
        return prune(connection, *args, **more)

    monkeypatch.setattr(staging, "prune", fail_on_one)
    monkeypatch.setattr(bases, "_kept", lambda *_: set(Release.objects.values_list("pk", flat=True)))
    third = world.deploy("v1")

    assert third.status == "succeeded", told(third)
    left = ReleaseCopy.objects.filter(release=first.release).values_list("server__name", flat=True)
    assert set(left) == {stubborn}
    assert [(world.folder(number) / "releases" / first.release.name).exists() for number in (0, 1)] == [True, False]


def test_a_release_that_a_queued_rollback_waits_for_is_kept(world):
    world.app.pipeline = "keep: 2"
    world.app.save()
    first, _ = world.deploy("v1"), world.deploy("v2")
    third = world.request("v1")
    runner.plan(third.pk)
    deployments.roll_back(world.app, world.environment, by=third.requested_by, surface="web", to=first.release.name)

    runner.run(third.pk)

    assert (world.folder() / "releases" / first.release.name).is_dir()


def test_a_release_is_made_of_one_that_is_there_but_never_of_one_to_go_back_to(world):
    world.app.pipeline = "keep: 3"
    world.app.save()

    first, second, third, fourth = [world.deploy(ref) for ref in ("v1", "v2", "v1", "v2")]

    stages = [made.steps.filter(key__startswith="stage:").first() for made in (first, second, third, fourth)]
    said = [list(log.lines(stage.pk))[-1][3] for stage in stages]
    assert said[0].endswith("3 of 3 files")
    assert said[1].endswith(f"1 of 3 files, the rest linked from {first.release.name}")
    assert said[2].endswith(f"1 of 3 files, the rest linked from {second.release.name}")
    assert said[3].endswith(f"files, in place of {first.release.name}")
    names = [made.release.name for made in (second, third, fourth)]
    found = {path.parent.name: path.read_text() for path in (world.folder() / "releases").glob("*/version")}
    assert found == dict(zip(names, ("2", "1", "2"), strict=True))
    assert set(ReleaseCopy.objects.values_list("release__name", flat=True)) == set(names)


def test_artifacts_that_nobody_runs_are_removed_but_for_the_newest(world, settings, tmp_path):
    settings.SHIPROOM_ARTIFACTS = tmp_path
    for number in range(4):
        world.app.pipeline = f"keep: 1\nbuild: {{commands: [echo {number} > built]}}"
        world.app.save()
        world.deploy("main")

    kept = set(Artifact.objects.filter(app=world.app).values_list("manifest", flat=True))
    assert len(kept) == 3
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == kept


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


def test_a_rollback_needs_no_git_and_brings_the_old_release_back(world, monkeypatch):
    old, new = world.deploy("v1"), world.deploy("v2")
    assert world.running() == ["built 2", "built 2"]
    world.app.repository = "https://gone.example/shop.git"
    world.app.save()

    rollback = deployments.roll_back(world.app, world.environment, by=world.person, surface="web")
    runner.run(rollback.pk)

    rollback.refresh_from_db()
    assert rollback.status == "succeeded", told(rollback)
    assert world.running() == ["built 1", "built 1"]
    assert (rollback.release, rollback.previous) == (old.release, new.release)
    assert (world.folder() / "restarts").read_text().splitlines()[-1] == old.revision


def test_two_rollbacks_go_back_two_releases(world):
    for ref in ("v1", "v2", "main"):
        world.deploy(ref)

    for _ in range(2):
        rollback = deployments.roll_back(world.app, world.environment, by=world.person, surface="web")
        runner.run(rollback.pk)

    assert world.running() == ["built 1", "built 1"]


def test_a_rollback_asked_for_behind_a_deployment_undoes_that_one(world):
    world.deploy("v1")
    world.deploy("v2")
    third = world.request("main")

    rollback = deployments.roll_back(world.app, world.environment, by=world.person, surface="web")
    assert rollback.revision == git(world.repository, "rev-parse", "v1")
    world.walk(third)
    runner.run(rollback.pk)

    rollback.refresh_from_db()
    assert rollback.status == "succeeded", told(rollback)
    assert rollback.revision == git(world.repository, "rev-parse", "v2")
    assert replay(1, rollback.journal.all()).previous_revision == third.revision


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
