"""What tests of webhooks share: an app whose staging follows main, and a hook with a service person."""

import pytest

from chatops.webhooks import secrets
from chatops.webhooks.models import IncomingHook
from deploy_core.models import Person
from tests import factories


@pytest.fixture
def shop(db):
    made = factories.app("shop")
    servers = (factories.server("web-1"),)
    factories.environment(made, "staging", servers=servers, followed_branch="main")
    factories.environment(made, "production", servers=servers, position=1)
    return made


@pytest.fixture
def robot(shop):
    made = factories.person("ci", role="deployer", app=shop, environment="staging")
    Person.objects.filter(pk=made.pk).update(kind=Person.Kind.SERVICE)
    made.refresh_from_db()
    return made


@pytest.fixture(params=["github", "gitlab"])
def hook(request, shop, robot):
    made = IncomingHook.objects.create(app=shop, provider=request.param, person=robot)
    made.secret = secrets.renew(made)
    return made
