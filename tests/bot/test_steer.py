"""Pause, resume, retry, tasks, and deployments to some servers, as they are typed."""

import pytest

from bot import handle
from bot.invocation import Invocation
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Release
from deploy_core.rules.status import Status
from tests import factories
from tests.bot.test_handle import release_in

PIPELINE = "tasks: {migrate: {commands: [./migrate]}, seed: {commands: [./seed]}}"


@pytest.fixture
def running(ask, alice):
    number = ask(alice, "/deploy shop to staging").deployment_id
    journal.move(number, Status.QUEUED)
    journal.move(number, Status.RUNNING)
    return Deployment.objects.get(pk=number)


@pytest.fixture
def live(staging):
    """Staging runs a release with two tasks."""
    release = release_in(staging, "r1", is_current=True)
    Release.objects.filter(pk=release.pk).update(pipeline=PIPELINE)
    return release


def servers(deployment_id):
    steps = Deployment.objects.get(pk=deployment_id).steps.exclude(server_name="")
    return sorted(set(steps.values_list("server_name", flat=True)))


def test_a_deployment_stands_still_and_goes_on(ask, alice, running):
    assert ask(alice, f"/pause #{running.pk}").code == "paused"
    assert Deployment.objects.get().status == "paused"
    again = ask(alice, f"/pause #{running.pk}")
    assert (again.code, again.params["status"]) == ("not_running", {"status": "paused"})
    assert ask(alice, "/continue shop staging").code == "resumed"
    assert Deployment.objects.get().status == "running"


def test_of_several_only_those_are_meant_that_one_may_see(shop, production, alice, running):
    Deployment.objects.create(app=shop, environment=production, ref="main", requested_by=alice, status="running")
    dora = factories.person("dora", role="deployer", app=shop, environment="staging")

    paused = handle(Invocation("/pause shop", dora, "web", "elsewhere"))
    stopped = handle(Invocation("/cancel shop", dora, "web", "elsewhere"))

    assert (paused.code, paused.params["number"]) == ("paused", running.pk)
    assert stopped.params["number"] == running.pk


def test_who_may_not_deploy_may_not_pause_either(ask, carol, running):
    assert ask(carol, f"/pause #{running.pk}").code == "no_permission.cancel"
    assert Deployment.objects.get().status == "running"


def test_a_retry_ships_the_same_revision_under_a_new_number(ask, alice, running):
    Deployment.objects.filter(pk=running.pk).update(revision="a" * 40)
    assert ask(alice, f"/retry #{running.pk}").code == "not_ended"
    journal.move(running.pk, Status.FAILED, "failed")

    reply = ask(alice, f"/retry #{running.pk}")

    assert (reply.code, reply.params["of"]) == ("retry_requested", running.pk)
    made = Deployment.objects.get(pk=reply.deployment_id)
    assert (made.pk > running.pk, made.plan["revision"], made.ref) == (True, "a" * 40, running.ref)
    assert servers(made.pk) == ["web-1", "web-2", "web-3"]


def test_a_retry_of_what_failed_goes_to_those_servers_only(ask, alice, running):
    epoch = journal.fence_off(running.pk)
    for step in running.steps.exclude(server_name="web-2"):
        for status in ("running", "succeeded"):
            journal.move_step(step.pk, status, epoch=epoch)
    journal.move(running.pk, Status.FAILED, "servers_skipped")
    journal.close_steps(running.pk, epoch=epoch)

    reply = ask(alice, f"/retry #{running.pk} --failed")

    assert servers(reply.deployment_id) == ["web-2"]


def test_what_succeeded_is_not_retried(ask, alice, running):
    journal.move(running.pk, Status.SUCCEEDED)

    assert ask(alice, f"/retry #{running.pk}").code == "nothing_failed"


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [
        ("web-1", ["web-1"]),
        ("web-3,web-1", ["web-1", "web-3"]),
        ("web*", ["web-1", "web-2", "web-3"]),
        ("canaries", ["web-2"]),
    ],
)
def test_a_deployment_may_go_to_some_servers(ask, alice, staging, typed, chosen):
    factories.group("canaries", staging.servers.get(name="web-2"), factories.server("elsewhere"))

    reply = ask(alice, f"/deploy shop to staging/{typed}")

    assert (reply.code, reply.params["servers"]) == ("requested", chosen)
    assert servers(reply.deployment_id) == chosen


def test_a_server_that_is_not_there_is_refused_with_those_that_are(ask, alice):
    reply = ask(alice, "/deploy shop to staging/db-1")

    assert (reply.code, reply.params["given"]) == ("unknown_server", "db-1")
    assert reply.params["servers"] == ["web-1", "web-2", "web-3"]
    assert not Deployment.objects.exists()


def test_a_task_runs_in_what_is_live(ask, alice, live):
    reply = ask(alice, "/deploy:migrate shop to staging/web-1")

    assert (reply.code, reply.params["task"], reply.params["servers"]) == ("task_requested", "migrate", ["web-1"])
    made = Deployment.objects.get(pk=reply.deployment_id)
    assert (made.kind, made.ref, made.status) == ("task", ":migrate", "queued")
    assert list(made.steps.values_list("key", "parent")) == [("start", ""), ("task:web-1", "start")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/deploy:migrat shop to staging", "unknown_task"),
        ("/deploy:migrate shop to production", "nothing_deployed"),
        ("/deploy:migrate shop/main to staging", "task_with_ref"),
    ],
)
def test_a_task_that_cannot_run_is_refused(ask, alice, live, line, code):
    assert ask(alice, line).code == code
    assert not Deployment.objects.filter(kind="task").exists()
