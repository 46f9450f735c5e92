"""The board: what is where, since when, by whom, and what stands in the way; of what one may see."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deploy_core import deployments
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Freeze, KnownCommit, Lock, Manifest, Release, ReleaseCopy
from deploy_core.rules.status import Status
from tests import factories

pytestmark = pytest.mark.django_db
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def alice():
    return factories.person("alice", role="manager")


@pytest.fixture
def shop():
    made = factories.app("shop")
    at = timezone.now()
    for position, revision in enumerate((NEW, "c" * 40, "d" * 40, OLD)):
        KnownCommit.objects.create(
            app=made, branch="main", revision=revision, subject="x", author="y", at=at, position=position
        )
    return made


@pytest.fixture
def stages(shop):
    names = ("staging", "production")
    return [
        factories.environment(shop, name, servers=(factories.server(f"{name}-1"),), position=number)
        for number, name in enumerate(names)
    ]


@pytest.fixture
def reader(client, alice):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _run(environment, revision, by, ref="main"):
    manifest = Manifest.objects.create(id=f"{revision[:60]}{environment.pk}", packed=b"", files=1, size_bytes=1)
    release = Release.objects.create(
        environment=environment, name=revision[:7], revision=revision, ref=ref, pipeline="", manifest=manifest
    )
    at = timezone.now()
    for server in environment.servers.all():
        ReleaseCopy.objects.create(
            environment=environment, server=server, release=release, is_current=True, staged=at, switched=at
        )
    return Deployment.objects.create(
        app=environment.app,
        environment=environment,
        ref=ref,
        revision=revision,
        release=release,
        status=Status.SUCCEEDED,
        requested_by=by,
    )


def _cells(response):
    return {
        (row["app"], name): cell for row in response.context["rows"] for name, cell in row["cells"] if cell is not None
    }


def test_a_cell_says_what_is_live_by_whom_and_how_far_it_is_ahead(reader, alice, stages):
    bob = factories.person("bob")
    _run(stages[0], NEW, bob)
    _run(stages[1], OLD, alice)

    response = reader.get("/board/")

    cells, page = _cells(response), response.content.decode()
    assert [name for name, _ in response.context["rows"][0]["cells"]] == ["staging", "production"]
    assert (cells["shop", "staging"].by, cells["shop", "staging"].ahead) == ("bob", 3)
    assert (cells["shop", "production"].by, cells["shop", "production"].ahead) == ("alice", 0)
    assert "3 ahead" in page
    assert NEW[:7] in page
    assert response.context["counts"]["quiet"] == 2


def test_what_moves_waits_or_failed_comes_first_with_its_reason(reader, alice, shop, stages):
    _run(stages[1], OLD, alice)
    failed = deployments.request(shop, "main", stages[1], by=alice, surface="web")
    for to in (Status.QUEUED, Status.RUNNING):
        journal.move(failed.pk, to)
    journal.move(failed.pk, Status.FAILED, "disk_full", params={"server": "production-1"})
    deployments.request(shop, "main", stages[0], by=alice, surface="web")

    response = reader.get("/board/")

    cells = _cells(response)
    assert (cells["shop", "production"].mood, cells["shop", "staging"].mood) == ("failed", "planning")
    assert cells["shop", "production"].strip == ["is-mute is-skip"]
    assert "production-1 has no space left on its disk." in response.content.decode()
    assert (response.context["counts"]["failed"], response.context["counts"]["moving"]) == (1, 1)


def test_locks_and_freezes_are_noted_with_who_and_why(reader, alice, shop, stages):
    for stage in stages:
        _run(stage, OLD, alice)
    soon = timezone.now() + timedelta(hours=1)
    Lock.objects.create(app=shop, environment="staging", owner=alice, reason="<draining>", expires=soon)
    Freeze.objects.create(environment="production", author=alice, reason="release week", starts=timezone.now())

    response = reader.get("/board/")

    cells, page = _cells(response), response.content.decode()
    assert (cells["shop", "staging"].mood, cells["shop", "production"].mood) == ("locked", "frozen")
    assert "“&lt;draining&gt;”" in page
    assert "“release week”" in page


def test_servers_that_differ_are_counted(reader, alice, stages):
    stages[0].placements.create(server=factories.server("staging-2"), position=1)
    _run(stages[0], OLD, alice)
    other = Release.objects.create(
        environment=stages[0], name="x", revision=NEW, ref="x", pipeline="", manifest=Manifest.objects.get()
    )
    ReleaseCopy.objects.filter(server__name="staging-2").update(release=other)

    assert "1 server runs something else" in reader.get("/board/").content.decode()


def test_the_board_is_narrowed_and_shows_only_what_one_may_see(client, reader, alice, stages):
    factories.environment(factories.app("billing"), "preview")

    assert {row["app"] for row in reader.get("/board/").context["rows"]} == {"billing", "shop"}
    assert {row["app"] for row in reader.get("/board/?find=SHO").context["rows"]} == {"shop"}
    assert "&lt;b&gt;" in reader.get("/board/?find=<b>").content.decode()
    carol = factories.person("carol", role="viewer", app=stages[0].app, environment="staging")
    client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    assert set(_cells(client.get("/board/"))) == {("shop", "staging")}


def test_the_board_is_read_by_few_queries(reader, alice, stages, django_assert_max_num_queries, shop):
    for number in range(8):
        more = factories.app(f"app-{number}")
        for stage in ("staging", "production"):
            _run(factories.environment(more, stage, servers=(factories.server(),)), OLD, alice)

    with django_assert_max_num_queries(60):
        assert len(reader.get("/board/").context["rows"]) == 9
