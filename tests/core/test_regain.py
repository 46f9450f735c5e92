"""An artifact that is gone when servers are to get it: a worker died, and its disk with it."""

import shutil
from pathlib import Path

import pytest

from deploy_core import deployments
from deploy_core.ledger import log
from deploy_core.models import App, Environment
from deploy_core.reach import tar
from deploy_core.run import preparing, runner
from tests import factories
from tests.core.world import told


@pytest.fixture
def artifacts(settings, tmp_path):
    settings.SHIPROOM_ARTIFACTS = tmp_path
    return tmp_path


def lose(artifacts):
    for path in artifacts.iterdir():
        path.unlink()


def walk_and_lose(world, artifacts, after="build", do=lambda: None):
    """A deployment of main whose worker dies after a phase; another one, which has nothing of it, goes on."""
    deployment = world.request("main")
    runner.plan(deployment.pk)

    def die(name, phase):
        code = phase()
        if name == after:
            lose(artifacts)
            do()
            raise KeyboardInterrupt
        return code

    with pytest.raises(KeyboardInterrupt):
        runner.run(deployment.pk, do_step=die)
    runner.run(deployment.pk)
    deployment.refresh_from_db()
    return deployment


def said(deployment, key):
    return "\n".join(text for _, _, _, text in log.lines(deployment.steps.get(key=key).pk))


def test_it_is_taken_from_a_server_that_has_the_same(world, artifacts):
    world.deploy("main")

    deployment = walk_and_lose(world, artifacts)

    assert deployment.status == "succeeded", told(deployment)
    assert f"take {world.environment.releases.first().name} back from" in said(deployment, "package")
    assert "built" not in said(deployment, "package")
    assert world.running() == ["built 2", "built 2"]
    assert not list(world.folder().glob(".stage.*"))


def test_where_no_server_has_it_it_is_built_again(world, artifacts):
    deployment = walk_and_lose(world, artifacts)

    assert deployment.status == "succeeded", told(deployment)
    assert "echo built" in said(deployment, "package")
    assert world.running() == ["built 2", "built 2"]


def test_what_killed_builds_left_is_removed_but_for_those_that_go_on(world, settings):
    ended, open_ = world.deploy("main"), world.request("main")
    work = Path(settings.SHIPROOM_DATA) / "work"
    shutil.rmtree(work, ignore_errors=True)  # of other tests' deployments, which have the same numbers
    for name in (f"{ended.pk}.5", f"{open_.pk}.7", "999999.1", "odd.name"):
        (work / name / "tree").mkdir(parents=True)

    preparing.clear_leftovers()

    assert [path.name for path in work.iterdir()] == [f"{open_.pk}.7"]


def test_mirrors_of_what_is_no_apps_repository_any_more_are_removed(db, settings, tmp_path):
    settings.SHIPROOM_DATA = tmp_path
    apps = [factories.app(name, repository=f"https://git.example.org/{name}.git") for name in ("kept", "gone")]
    kept, gone = (preparing.mirror_of(app).path for app in apps)
    for path in (kept, gone):
        (path / "objects").mkdir(parents=True)
    App.objects.filter(name="gone").update(repository="https://git.example.org/elsewhere.git")

    preparing.clear_leftovers()

    assert list((tmp_path / "mirrors").iterdir()) == [kept]


def staged_on_one(world, artifacts, build):
    """A deployment whose worker died, with what it had built, when one server of two had the release."""
    world.app.pipeline = build
    world.app.save()
    deployment = world.request("main")
    runner.plan(deployment.pk)
    last = f"stage:{world.app.name}-2"

    def die(name, phase):
        code = phase()
        if name == "stage":
            lose(artifacts)
            deployment.refresh_from_db()
            deployment.steps.filter(key=last).update(status="running", finished=None)
            deployment.release.copies.filter(server__name=last.removeprefix("stage:")).delete()
            for number in (0, 1):  # the other one was touched meanwhile, so that it gives nothing back either
                shutil.rmtree(world.folder(number) / "releases" / deployment.release.name)
            raise KeyboardInterrupt
        return code

    with pytest.raises(KeyboardInterrupt):
        runner.run(deployment.pk, do_step=die)
    runner.run(deployment.pk)
    deployment.refresh_from_db()
    return deployment


def test_what_is_built_into_something_else_is_staged_everywhere_anew(world, artifacts):
    deployment = staged_on_one(world, artifacts, "build: {commands: ['echo built $(date +%s.%N) > built']}")

    assert deployment.status == "succeeded", told(deployment)
    assert world.running()[0] == world.running()[1] != ""
    assert said(deployment, f"stage:{world.app.name}-1").count("complete and verified") == 2


def test_nobody_needs_it_once_every_server_has_the_release(world, artifacts):
    deployment = walk_and_lose(world, artifacts, after="stage")

    assert deployment.status == "succeeded", told(deployment)
    assert not list(artifacts.iterdir())


def test_what_is_sent_again_without_git_comes_from_the_servers_too(world, artifacts):
    world.deploy("main")
    lose(artifacts)

    again = deployments.redeploy(world.app, world.environment, by=world.person, surface="web")
    runner.run(again.pk)

    again.refresh_from_db()
    assert again.status == "succeeded", told(again)


def test_where_that_takes_longer_than_the_deployment_may_the_reason_is_the_time(world, artifacts):
    world.app.pipeline = "timeouts: {total: 1}\nbuild: {commands: ['sleep ${NAP:-0}']}"
    world.app.save()
    environments = Environment.objects.filter(pk=world.environment.pk)

    deployment = walk_and_lose(world, artifacts, do=lambda: environments.update(variables={"NAP": "30"}))

    assert (deployment.status, deployment.reason) == ("failed", "total_timeout"), told(deployment)


def damage(artifacts, at):
    """A wrong byte in the artifact, from here on in its second header; what was compressed of it is gone."""
    (whole,) = artifacts.glob("*.tar")
    for path in artifacts.iterdir():
        if path != whole:
            path.unlink()
    data = bytearray(whole.read_bytes())
    data[tar.BLOCK + at] ^= 1
    whole.write_bytes(data)


@pytest.mark.parametrize("at", [108, tar.BLOCK])  # its owner, its content
def test_a_damaged_artifact_is_built_again_before_anybody_gets_it(world, artifacts, at):
    world.deploy("main")
    damage(artifacts, at)

    again = world.deploy("main")

    assert again.status == "succeeded", told(again)
    assert again.steps.get(key="build").status == "succeeded"
    assert world.running() == ["built 2", "built 2"]


def test_a_damaged_artifact_that_is_sent_again_is_taken_from_a_server(world, artifacts):
    world.deploy("main")
    damage(artifacts, 148)

    again = deployments.redeploy(world.app, world.environment, by=world.person, surface="web")
    runner.run(again.pk)

    again.refresh_from_db()
    assert again.status == "succeeded", told(again)
    assert "back from" in said(again, "start")


SHARING = """
build: {commands: ['echo built $(cat version) > built']}
shared: {files: [version], folders: ["up*loads", config/local]}
"""


def test_a_release_with_shared_paths_is_taken_back_without_what_became_of_them(world, artifacts):
    world.app.pipeline = SHARING
    world.app.save()
    first = world.deploy("main")
    for number in (0, 1):
        (world.folder(number) / "current" / "version").write_text("changed since\n")
        (world.folder(number) / "current" / "up*loads" / "photo").write_text("hat")
        shutil.rmtree(world.folder(number) / "current" / "config")  # it held a link alone, and is no part of it
    lose(artifacts)

    again = deployments.redeploy(world.app, world.environment, by=world.person, surface="web")
    runner.run(again.pk)

    again.refresh_from_db()
    assert again.status == "succeeded", told(again)
    assert again.release.manifest == first.release.manifest
    assert (world.folder() / "current" / "version").read_text() == "changed since\n"
    assert (world.folder() / "current" / "up*loads" / "photo").read_text() == "hat"


def test_what_a_server_changed_is_not_taken_back(world, artifacts):
    first = world.deploy("main")
    for number in (0, 1):
        (world.folder(number) / "releases" / first.release.name / "version").write_text("3\n")
    lose(artifacts)

    again = deployments.redeploy(world.app, world.environment, by=world.person, surface="web")
    runner.run(again.pk)

    again.refresh_from_db()
    assert (again.status, again.reason) == ("failed", "artifact_lost"), told(again)
