"""Secrets of an environment: who gets them, who never sees them, and what a new value changes."""

import secrets as randomly

import pytest

from deploy_core.errors import Refused
from deploy_core.ledger import log
from deploy_core.models import Artifact, JournalEntry, LogChunk, Release, Secret
from deploy_core.reach import secrets
from deploy_core.run import runner
from tests.core.world import told

PIPELINE = """
build: {commands: ['echo "built $(cat version) with ${BUILD_TOKEN:-nothing} ${SERVER_TOKEN:-nothing}" | tee built']}
hooks: {after_switch: ['echo "on the server ${BUILD_TOKEN:-nothing} $SERVER_TOKEN" | tee ../../got']}
restart: {command: 'echo "$SERVER_TOKEN" | base64'}
"""


@pytest.fixture
def grant(world):
    def grant_(name: str, **whom: bool) -> str:
        value = randomly.token_urlsafe(60)
        row, _ = Secret.objects.get_or_create(environment=world.environment, name=name, defaults=whom)
        secrets.keep(row, value)
        return value

    return grant_


def everything_said(world) -> str:
    rows = [*LogChunk.objects.values_list("text", flat=True), *JournalEntry.objects.values_list("payload", flat=True)]
    return "\n".join(map(str, [*rows, *world.app.deployments.values_list("plan", flat=True)]))


def test_each_secret_reaches_what_it_was_granted_to_and_no_log(world, grant):
    world.app.pipeline = PIPELINE
    world.app.save()
    for_builds, for_servers = grant("BUILD_TOKEN", for_builds=True), grant("SERVER_TOKEN", for_servers=True)

    deployment = world.deploy("v1")

    assert deployment.status == "succeeded", told(deployment)
    assert world.running()[0] == f"built 1 with {for_builds} nothing"
    assert (world.folder() / "got").read_text() == f"on the server nothing {for_servers}\n"
    said = everything_said(world)
    assert "built 1 with [MASKED] nothing" in said
    assert "on the server nothing [MASKED]" in said
    assert for_builds not in said
    assert for_servers not in said
    restarted = deployment.steps.filter(kind="restart").first()
    assert "[MASKED]" in "".join(text for _, _, _, text in log.lines(restarted.pk))


def test_a_new_value_for_builds_builds_again_and_one_for_servers_does_not(world, grant):
    world.app.pipeline = PIPELINE
    world.app.save()
    grant("BUILD_TOKEN", for_builds=True)
    grant("SERVER_TOKEN", for_servers=True)
    world.deploy("v1")

    grant("SERVER_TOKEN")
    world.deploy("v1")
    assert Artifact.objects.count() == 1

    newer = grant("BUILD_TOKEN")
    world.deploy("v1")
    assert Artifact.objects.count() == 2
    assert newer in world.running()[0]


def test_a_secret_that_changed_after_the_plan_was_agreed_to_is_another_plan(world, grant):
    world.environment.is_protected = True
    world.environment.save()
    grant("SERVER_TOKEN", for_servers=True)
    asked = world.request("v1")
    runner.plan(asked.pk)
    before = asked.plan_hash

    grant("SERVER_TOKEN")
    other = world.request("v1")
    runner.plan(other.pk)

    for each in (asked, other):
        each.refresh_from_db()
    assert asked.plan_hash != before
    assert asked.plan_hash != other.plan_hash


def test_a_rollback_gets_what_servers_are_granted_now(world, grant):
    world.app.pipeline = PIPELINE
    world.app.save()
    first = world.deploy("v1")
    value = grant("SERVER_TOKEN", for_servers=True)
    world.app.pipeline = PIPELINE + "health: {command: 'false', timeout: 0.2}\n"
    world.app.save()

    back = world.deploy("v2")

    assert back.status == "rolled_back", told(back)
    assert Release.objects.current_in(world.environment) == first.release
    assert value not in everything_said(world)


@pytest.mark.parametrize("value", ["short", "x" * 20_000, "with a \0 inside"])
def test_what_cannot_be_masked_or_passed_on_is_refused(world, value):
    row = Secret.objects.create(environment=world.environment, name="TOKEN", for_builds=True)

    with pytest.raises(Refused, match="secret_unfit"):
        secrets.keep(row, value)

    row.refresh_from_db()
    assert (row.sealed, row.version) == ("", 0)
