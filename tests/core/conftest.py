"""What tests of the core share."""

import itertools

import pytest

from deploy_core.ledger import journal
from deploy_core.models import Deployment
from deploy_core.rules import plan
from tests import factories
from tests.core import world as world_of_tests
from tests.core.world import make_repository, make_world


@pytest.fixture
def shop(db):
    return factories.app("shop")


@pytest.fixture
def staging(shop):
    """An environment of the shop on two servers."""
    return factories.environment(shop, "staging", servers=(factories.server("web-1"), factories.server("web-2")))


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def deployment(staging, alice):
    """A deployment with its steps, of which nothing has run."""
    made = Deployment.objects.create(app=staging.app, environment=staging, ref="main", requested_by=alice)
    journal.store_steps(made.pk, plan.lay_out("deploy", ["web-1", "web-2"]))
    return made


@pytest.fixture
def rung():
    """The (stream, number) pairs that were rung."""
    heard = []

    def hear(sender, stream, number, **_):
        heard.append((stream, number))

    journal.recorded.connect(hear)
    yield heard
    journal.recorded.disconnect(hear)


@pytest.fixture(scope="session")
def boxes(tmp_path_factory):
    """Two SSH servers."""
    with world_of_tests.boxes(tmp_path_factory.mktemp("boxes"), 2) as servers:
        yield servers


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("repository") / "shop")


@pytest.fixture(scope="session")
def doctors():
    """One for each of the servers."""
    with world_of_tests.doctors(2) as found:
        yield found


_numbers = itertools.count(1)


@pytest.fixture
def world(db, boxes, repository, doctors, settings):
    """An app in an environment of its own on two servers, of which nothing is deployed yet."""
    settings.SHIPROOM_GIT_FILE_URLS = True
    return make_world(repository, boxes, doctors, f"shop-{next(_numbers)}")
