"""Going back to what ran before."""

from deploy_core import deployments
from deploy_core.rules.states import replay
from deploy_core.run import runner
from tests.core.world import git, told


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
    for ref in ("v1", "v2", git(world.repository, "rev-parse", "heads/twin")):
        world.deploy(ref)
    assert world.running() == ["built 3", "built 3"]

    for _ in range(2):
        rollback = deployments.roll_back(world.app, world.environment, by=world.person, surface="web")
        runner.run(rollback.pk)
        rollback.refresh_from_db()
        assert rollback.status == "succeeded", told(rollback)

    assert world.running() == ["built 1", "built 1"]


def test_a_rollback_asked_for_behind_a_deployment_undoes_that_one(world):
    world.deploy("v1")
    world.deploy("v2")
    third = world.request(git(world.repository, "rev-parse", "heads/twin"))

    rollback = deployments.roll_back(world.app, world.environment, by=world.person, surface="web")
    assert rollback.revision == git(world.repository, "rev-parse", "v1")
    world.walk(third)
    runner.run(rollback.pk)

    rollback.refresh_from_db()
    assert rollback.status == "succeeded", told(rollback)
    assert rollback.revision == git(world.repository, "rev-parse", "v2")
    assert replay(1, rollback.journal.all()).previous_revision == third.revision
