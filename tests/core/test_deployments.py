"""Asking for deployments, taking them back, stopping them."""

import pytest
from django.utils import timezone

from deploy_core import deployments
from deploy_core.errors import Forbidden, Refused, UnknownName
from deploy_core.ledger import audit, journal
from deploy_core.models import AuditEntry, Deployment, Manifest, Release, ReleaseCopy, Step
from deploy_core.rules.plan import way_back
from deploy_core.rules.states import replay
from deploy_core.rules.status import Status, StepStatus
from deploy_core.run import engine, facts, heartbeat
from tests import factories


@pytest.fixture
def started(monkeypatch):
    """The numbers of the deployments that the engine was told to start."""
    heard = []
    monkeypatch.setattr(engine, "start", heard.append)
    return heard


def ask(environment, by, ref="main"):
    return deployments.request(environment.app, ref, environment, by=by, surface="web")


def succeed(deployment):
    Deployment.objects.filter(pk=deployment.pk).update(status=Status.SUCCEEDED)


def release(environment, name, *, status=Status.SUCCEEDED, on=None, live_on=None, content="", by):
    """A release that was deployed, with copies on the servers called `on`, current on those called `live_on` (None:
    all). Releases of the same `content` are alike."""
    manifest, _ = Manifest.objects.get_or_create(pk="0" * 64, defaults={"packed": b"", "files": 0, "size_bytes": 0})
    revision = f"{content or name}{'0' * 40}"[:40]
    made = Release.objects.create(
        environment=environment, name=name, revision=revision, ref="main", pipeline="", manifest=manifest
    )
    Deployment.objects.create(
        app=environment.app, environment=environment, release=made, status=status, requested_by=by
    )
    for server in environment.servers.all():
        if on is None or server.name in on:
            is_current = live_on is None or server.name in live_on
            if is_current:
                ReleaseCopy.objects.filter(environment=environment, server=server).update(is_current=False)
            ReleaseCopy.objects.create(
                environment=environment,
                server=server,
                release=made,
                is_current=is_current,
                staged=timezone.now(),
                switched=timezone.now(),
            )
    return made


def test_servers_that_were_all_taken_off_meanwhile_are_no_aim(staging, alice):
    with pytest.raises(UnknownName, match="unknown_server") as caught:
        deployments.request(staging.app, "main", staging, by=alice, surface="web", only=["gone-1"])

    assert caught.value.params["given"] == "gone-1"
    assert not Deployment.objects.exists()


# --- request ----------------------------------------------------------------------------------------------------------


def test_a_request_writes_rows_journal_and_audit_and_wakes_the_engine_after_commit(
    staging, alice, started, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        deployment = ask(staging, alice)
        assert started == []

    assert started == [deployment.pk]
    assert (deployment.status, deployment.ref, deployment.run) == ("planning", "main", 1)
    assert deployment.steps.count() == 12
    entry = deployment.journal.get()
    assert (entry.number, entry.kind, entry.person) == (1, "deployment.requested", alice)
    assert entry.payload["by"] == "alice"
    audited = AuditEntry.objects.get()
    assert (audited.actor, audited.action, audited.outcome) == (alice, "deployment.request", "accepted")
    assert audited.target == f"shop/staging #{deployment.pk}"
    assert audit.verify() == (1, None)


def test_what_is_asked_for_and_taken_back_are_few_statements_however_many_servers(
    shop, alice, django_assert_max_num_queries
):
    servers = [factories.server(f"web-{number}") for number in range(40)]
    everywhere = factories.environment(shop, "everywhere", servers=servers)

    with django_assert_max_num_queries(32):  # hundreds of steps and entries, ten or so to a statement
        made = ask(everywhere, alice)
    with django_assert_max_num_queries(40):
        deployments.cancel(made, by=alice)

    assert set(made.steps.values_list("status", flat=True)) == {"cancelled"}
    assert made.steps.count() == 4 + 40 * 4
    assert [entry.number for entry in made.journal.all()] == list(range(1, made.journal.count() + 1))


def test_an_engine_that_fails_to_wake_fails_no_request(staging, alice, monkeypatch, django_capture_on_commit_callbacks):
    def fail(number):
        raise RuntimeError("no engine")

    monkeypatch.setattr(engine, "start", fail)

    with django_capture_on_commit_callbacks(execute=True):
        deployment = ask(staging, alice)

    assert Deployment.objects.get() == deployment


@pytest.mark.parametrize(
    ("typed", "of_environment", "of_app", "used"),
    [("v1", "stable", "main", "v1"), ("", "stable", "main", "stable"), ("", "", "trunk", "trunk")],
)
def test_without_a_ref_the_usual_one_is_meant(staging, alice, typed, of_environment, of_app, used):
    staging.default_ref, staging.app.default_ref = of_environment, of_app

    assert ask(staging, alice, typed).ref == used


def test_whoever_may_not_deploy_is_told_who_may(staging, alice):
    factories.person("dora", role="deployer", app=staging.app, environment="production")
    carol = factories.person("carol", role="viewer")

    with pytest.raises(Forbidden) as caught:
        ask(staging, carol)

    assert caught.value.params == {
        "who": "carol",
        "action": "deploy",
        "app": "shop",
        "environment": "staging",
        "allowed": ["alice"],
    }
    assert not Deployment.objects.exists()


def test_an_environment_without_servers_is_refused(shop, alice):
    with pytest.raises(Refused) as caught:
        ask(factories.environment(shop, "preview"), alice)

    assert (caught.value.code, caught.value.params["environment"]) == ("no_servers", "preview")


def test_a_second_request_waits_and_knows_behind_what(staging, alice):
    first, second, third = (ask(staging, alice) for _ in range(3))
    journal.move(second.pk, Status.QUEUED)
    journal.move(second.pk, Status.RUNNING)

    assert deployments.ahead_of(first) == [second]
    assert deployments.ahead_of(third) == [second, first]


# --- rollback ---------------------------------------------------------------------------------------------------------


def test_a_rollback_aims_at_the_release_before_and_is_queued_at_once(
    staging, alice, started, django_capture_on_commit_callbacks
):
    old = release(staging, "1-aaa", by=alice)
    new = release(staging, "2-bbb", by=alice)

    with django_capture_on_commit_callbacks(execute=True):
        rollback = deployments.roll_back(staging.app, staging, by=alice, surface="web")

    assert (rollback.kind, rollback.status, rollback.release, rollback.previous) == ("rollback", "queued", old, new)
    assert rollback.revision == old.revision
    assert started == [rollback.pk]
    state = replay(rollback.pk, rollback.journal.all())
    assert (state.revision, state.previous_revision, state.status) == (old.revision, new.revision, "queued")
    assert list(state.steps)[:2] == ["start", "switch:web-1"]


@pytest.mark.parametrize(
    ("releases", "aim"),
    [
        ([("1", "succeeded", None), ("2", "succeeded", None)], "1"),
        ([("1", "succeeded", None), ("2", "rolled_back", None), ("3", "succeeded", None)], "1"),
        ([("1", "succeeded", None), ("2", "succeeded", ["web-1"]), ("3", "succeeded", None)], "1"),
        ([("1", "succeeded", None), ("2", "failed", ["web-1"])], "1"),
        ([("1", "succeeded", None)], None),
        ([], None),
    ],
)
def test_only_what_ran_well_and_still_lies_on_every_server_is_gone_back_to(staging, alice, releases, aim):
    for name, status, on in releases:
        release(staging, name, status=status, on=on, by=alice)

    found = Release.objects.to_go_back_to(staging)

    assert (found.name if found else None) == aim


def test_what_was_sent_twice_is_taken_back_as_one(staging, alice):
    for name, content in (("1", "old"), ("2", "bad"), ("3", "bad")):
        release(staging, name, content=content, by=alice)

    assert Release.objects.to_go_back_to(staging).name == "1"


@pytest.mark.parametrize(
    ("ran", "aim"),
    [
        (["1", "2", "<1", "3"], "1"),  # 2 was left by a rollback
        (["1", "2", "3", "4", "<2", "5"], "2"),  # 3 was passed over
        (["1", "2", "<1", "<2", "3"], "2"),  # and brought back
        (["1", "2", "3", "<2"], "1"),
        (["1", "2", "<1"], None),
    ],
)
def test_what_a_rollback_had_left_did_not_run_before_what_came_after_it(staging, alice, ran, aim):
    known = {}
    for name in ran:
        before = Release.objects.current_in(staging)
        kind = Deployment.Kind.ROLLBACK if name[0] == "<" else Deployment.Kind.DEPLOY
        if kind == Deployment.Kind.ROLLBACK:
            made = known[name[1:]]
            staging.deployments.create(
                app=staging.app, kind=kind, release=made, status=Status.SUCCEEDED, requested_by=alice, previous=before
            )
            for server in staging.servers.all():
                facts.switched(made, server.pk)
        else:
            known[name] = release(staging, name, by=alice)
            known[name].deployments.update(previous=before)

    found = Release.objects.to_go_back_to(staging)

    assert (found.name if found else None) == aim


def test_what_some_servers_got_by_a_retry_was_deployed_with_success(staging, alice):
    release(staging, "1", by=alice)
    release(staging, "2", content="good", status=Status.FAILED, live_on=["web-1"], by=alice)
    release(staging, "3", content="good", on=["web-2"], by=alice)
    assert Release.objects.to_go_back_to(staging).name == "1"

    release(staging, "4", by=alice)

    assert Release.objects.to_go_back_to(staging).name == "2"


def test_what_a_server_runs_that_was_taken_off_runs_here_no_more(staging, alice):
    release(staging, "1", by=alice)
    good = release(staging, "2", by=alice)
    release(staging, "3", live_on=["web-2"], by=alice)
    staging.placements.filter(server__name="web-2").delete()

    assert Release.objects.current_in(staging) == good
    assert Release.objects.to_go_back_to(staging).name == "1"
    assert deployments.redeploy(staging.app, staging, by=alice, surface="web").revision == good.revision


def test_what_has_not_come_to_its_end_is_not_sent_on(staging, alice):
    app, web = staging.app, {"by": alice, "surface": "web"}
    production = factories.environment(app, "production", servers=(factories.server("prod-1"),))
    proven = release(staging, "1", by=alice)
    release(staging, "2", status=Status.PAUSED, live_on=["web-1"], by=alice)

    assert deployments.redeploy(app, staging, **web).revision == proven.revision
    assert deployments.promote(app, staging, production, **web).revision == proven.revision

    proven.deployments.update(status=Status.FAILED)
    with pytest.raises(Refused, match="nothing_to_redeploy"):
        deployments.redeploy(app, staging, **web)
    with pytest.raises(Refused, match="nothing_to_promote"):
        deployments.promote(app, staging, production, **web)


def test_with_nothing_to_go_back_to_a_rollback_is_refused(staging, alice):
    release(staging, "1", by=alice)

    with pytest.raises(Refused) as caught:
        deployments.roll_back(staging.app, staging, by=alice, surface="web")

    assert caught.value.code == "nothing_to_roll_back"


def test_a_release_can_be_named_by_its_name_or_revision(staging, alice):
    first = release(staging, "1-aaaa", by=alice)
    release(staging, "2-bbbb", by=alice)
    release(staging, "3-cccc", by=alice)

    by_name = deployments.roll_back(staging.app, staging, by=alice, surface="web", to="1-aaaa")
    by_revision = deployments.roll_back(staging.app, staging, by=alice, surface="web", to=first.revision[:7])

    assert by_name.release == by_revision.release == first


@pytest.mark.parametrize("name", ["4-dddd", "1-a", "1"])
def test_an_unknown_release_is_refused_with_those_that_are_there(staging, alice, name):
    release(staging, "1-aaaa", by=alice)

    with pytest.raises(UnknownName) as caught:
        deployments.roll_back(staging.app, staging, by=alice, surface="web", to=name)

    assert (caught.value.code, caught.value.params["near"]) == ("release_not_found", ["1-aaaa"])


def test_a_release_that_was_staged_but_never_live_is_no_way_back(staging, alice):
    release(staging, "1-aaaa", by=alice)
    never_live = release(staging, "2-bbbb", status=Status.CANCELLED, by=alice)
    never_live.copies.update(is_current=False, switched=None)

    with pytest.raises(UnknownName):
        deployments.roll_back(staging.app, staging, by=alice, surface="web", to="2-bbbb")


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_a_run_that_was_fenced_off_by_a_cancel_is_wanted_by_nobody(staging, alice):
    """Its workflow has to end, or DBOS would start nothing more in this environment."""
    deployment = ask(staging, alice)
    journal.take_over(deployment.pk, "another")
    assert heartbeat.is_wanted(deployment.pk, deployment.run)

    deployments.cancel(deployment, by=alice)

    assert not heartbeat.is_wanted(deployment.pk, deployment.run)


def test_a_waiting_deployment_is_cancelled_at_once_and_its_worker_fenced_off(staging, alice):
    deployment = ask(staging, alice)
    epoch = journal.take_over(deployment.pk, "embedded")
    fetch = deployment.steps.get(key="fetch")
    journal.move_step(fetch.pk, StepStatus.RUNNING, epoch=epoch)

    deployments.cancel(deployment, by=alice)

    assert (deployment.status, deployment.reason, deployment.reason_params) == (
        "cancelled",
        "cancelled_by",
        {"by": "alice"},
    )
    assert set(deployment.steps.values_list("status", flat=True)) == {"cancelled"}
    with pytest.raises(journal.Fenced):
        journal.hold(deployment.pk, epoch)


def test_a_running_deployment_is_asked_to_stop(staging, alice, started, django_capture_on_commit_callbacks):
    deployment = ask(staging, alice)
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)

    with django_capture_on_commit_callbacks(execute=True):
        deployments.cancel(deployment, by=alice)
        deployments.cancel(deployment, by=alice)

    assert (deployment.status, deployment.cancelled_by) == ("cancelling", alice)
    state = replay(deployment.pk, deployment.journal.all())
    assert state.cancel_requested_by == "alice"
    assert deployment.journal.filter(kind="deployment.cancel_requested").count() == 1


@pytest.mark.parametrize(
    ("status", "code"), [(Status.SUCCEEDED, "already_ended"), (Status.ROLLING_BACK, "cannot_cancel")]
)
def test_what_has_ended_or_goes_back_cannot_be_cancelled(staging, alice, status, code):
    deployment = ask(staging, alice)
    Deployment.objects.filter(pk=deployment.pk).update(status=status)

    with pytest.raises(Refused) as caught:
        deployments.cancel(deployment, by=alice)

    assert (caught.value.code, caught.value.params) == (code, {"number": deployment.pk, "status": status})


def test_a_viewer_cancels_nothing(staging, alice):
    deployment = ask(staging, alice)

    with pytest.raises(Forbidden):
        deployments.cancel(deployment, by=factories.person("carol", role="viewer"))

    deployment.refresh_from_db()
    assert deployment.status == "planning"


# --- looking ----------------------------------------------------------------------------------------------------------


def test_current_names_each_server_in_order_with_its_release(staging, alice):
    old = release(staging, "1", by=alice)
    new = release(staging, "2", on=["web-2"], by=alice)

    standings = deployments.current(staging)

    assert [(each.server.name, each.release) for each in standings] == [("web-1", old), ("web-2", new)]
    assert deployments.current(factories.environment(staging.app, "empty")) == []


def test_history_is_newest_first_and_active_is_what_has_not_ended(staging, alice):
    production = factories.environment(staging.app, "production", servers=(factories.server(),))
    first, second, third = ask(staging, alice), ask(production, alice), ask(staging, alice)
    succeed(first)

    assert list(deployments.history(staging.app)) == [third, second, first]
    assert list(deployments.history(staging.app, staging)) == [third, first]
    assert deployments.latest(staging.app, production) == second
    assert list(deployments.active()) == [second, third]
    assert list(deployments.active([factories.app()])) == []


def test_rows_and_replayed_journal_say_the_same(staging, alice):
    deployment = ask(staging, alice)
    journal.move(deployment.pk, Status.QUEUED)
    journal.move(deployment.pk, Status.RUNNING)
    epoch = journal.take_over(deployment.pk, "embedded")
    for step in deployment.steps.filter(server_name__in=["", "web-1"]):
        journal.move_step(step.pk, StepStatus.RUNNING, epoch=epoch)
        journal.move_step(step.pk, StepStatus.SUCCEEDED, epoch=epoch, exit_status=0)
    journal.add_steps(deployment.pk, way_back(["web-1"]), epoch=epoch)
    journal.move(deployment.pk, Status.FAILED, "health_failed", epoch=epoch, params={"server": "web-1"})
    journal.close_steps(deployment.pk, epoch=epoch)

    state = replay(deployment.pk, deployment.journal.all())

    deployment.refresh_from_db()
    assert (state.status, state.reason, state.params) == (
        deployment.status,
        deployment.reason,
        deployment.reason_params,
    )
    assert (state.by, state.ref, state.kind) == ("alice", deployment.ref, deployment.kind)
    rows = Step.objects.filter(deployment=deployment).values_list(
        "key", "status", "reason", "attempt", "exit_status", "parent", "server_name", "log_lines"
    )
    assert [
        (each.key, each.status, each.reason, each.attempt, each.exit_status, each.parent, each.server, each.lines)
        for each in state.steps.values()
    ] == list(rows)
