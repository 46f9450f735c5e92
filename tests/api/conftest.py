"""What tests of the HTTP API share: an app, a service person, and requests with a token."""

import json

import pytest

from chatops.api import tokens
from deploy_core.models import Person
from tests import factories


@pytest.fixture
def shop(db):
    made = factories.app("shop")
    servers = (factories.server("web-1"),)
    factories.environment(made, "staging", servers=servers)
    factories.environment(made, "production", servers=servers, position=1)
    return made


@pytest.fixture
def robot(shop):
    made = factories.person("ci", role="deployer", app=shop)
    Person.objects.filter(pk=made.pk).update(kind=Person.Kind.SERVICE)
    made.refresh_from_db()
    return made


@pytest.fixture
def token(robot):
    """A token of the robot with every scope, and its text as `token.text`."""
    made, text = tokens.issue(robot, "build", scopes=tokens.SCOPES, days=30, by=None)
    made.text = text
    return made


@pytest.fixture
def call(client, token):
    """`call("POST", "deployments", {…})`: the answer to a request with the token, or another."""

    def called(method, path, body=None, *, text=None, raw=None, **headers):
        given = {"Authorization": f"Bearer {token.text if text is None else text}", **headers}
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
        return client.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=given)

    return called
