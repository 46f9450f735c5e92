"""What tests of the core share."""

import pytest

from deploy_core.ledger import journal
from deploy_core.models import Deployment
from deploy_core.rules import plan
from tests import factories


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
