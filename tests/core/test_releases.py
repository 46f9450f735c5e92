"""What a revision is built into, and how long it stays: artifacts, releases on servers, what is pruned."""

import pytest

from deploy_core import deployments
from deploy_core.errors import ConnectionLost
from deploy_core.ledger import log
from deploy_core.models import Artifact, Deployment, Manifest, Release, ReleaseCopy
from deploy_core.reach import staging
from deploy_core.run import bases, preparing, runner
from tests.core.world import reasons, statuses, told


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


def test_an_artifact_that_a_deployment_elsewhere_is_about_to_send_is_kept(db, staging, alice, settings, tmp_path):
    settings.SHIPROOM_ARTIFACTS = tmp_path
    for number in range(preparing.ARTIFACTS_KEPT + 2):
        content = Manifest.objects.create(pk=f"{number:064}", packed=b"", files=0, size_bytes=0)
        Artifact.objects.create(app=staging.app, revision=f"{number:040}", manifest=content, size_bytes=0)
    Deployment.objects.create(app=staging.app, environment=staging, revision=f"{0:040}", requested_by=alice)

    preparing.forget_unused(staging.app)

    assert sorted(int(each.revision) for each in Artifact.objects.all()) == [0, 2, 3, 4]
