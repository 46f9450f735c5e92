"""docs/openapi.json is true: its addresses, scopes and fields are those of the code, and answers have its shapes."""

import json
import re

import pytest

from chatops.api import tokens, views
from chatops.api.models import Token
from deploy_core.models import Lock
from tests import factories
from tests.bot.conftest import ROOT

DOC = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = {
    (path, method.upper()): operation for path, methods in DOC["paths"].items() for method, operation in methods.items()
}
DEPLOY = {"app": "shop", "environment": "staging"}


def path_of(address):
    return "/" + re.sub(r"<int:(\w+)>", r"{\1}", address)


ROUTES = {(path_of(path), method): route for path, routes in views.DOORS.items() for method, route in routes.items()}


def resolved(schema):
    return DOC["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_every_address_and_method_is_described_with_its_scope():
    assert OPERATIONS.keys() == ROUTES.keys()
    assert {place: operation["x-scope"] for place, operation in OPERATIONS.items()} == {
        place: route.scope for place, route in ROUTES.items()
    }
    assert {route.scope for route in ROUTES.values()} == set(tokens.SCOPES)


@pytest.mark.parametrize("place", [place for place, route in ROUTES.items() if route.body is not None])
def test_every_field_of_a_request_is_described(place):
    body = OPERATIONS[place]["requestBody"]["content"]["application/json"]["schema"]
    schema = resolved(body)

    fields = ROUTES[place].body
    assert {name: each["type"] for name, each in schema["properties"].items()} == {
        name: field.kind for name, field in fields.items()
    }
    assert set(schema["required"]) == {name for name, field in fields.items() if field.is_required}


_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def fits(value, schema, at="$"):
    """Assert that `value` has the shape of `schema`, as far as this document uses JSON Schema."""
    schema = resolved(schema)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert isinstance(value, tuple(_TYPES[kind] for kind in kinds)), f"{at}: {value!r} is no {kinds}"
    assert not (isinstance(value, bool) and "boolean" not in kinds), at
    if "enum" in schema:
        assert value in schema["enum"], at
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema["required"]) <= value.keys() <= schema["properties"].keys(), at
        for name, each in value.items():
            fits(each, schema["properties"][name], f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            fits(each, schema["items"], f"{at}[{number}]")


def test_every_answer_has_the_described_shape(call, shop, robot, token, settings):
    number = call("POST", "deployments", DEPLOY).json()["deployment"]
    Lock.objects.create(app=shop, environment="production", owner=factories.person("bob"))
    told = [
        ("POST", "deployments", DEPLOY),
        ("POST", "deployments", {**DEPLOY, "environment": "production"}),
        ("POST", "deployments", {}),
        ("GET", "deployments?app=shop", None),
        ("GET", "deployments", None),
        ("GET", f"deployments/{number}", None),
        ("GET", "deployments/99", None),
        ("POST", f"deployments/{number}/approve", {}),
        ("POST", f"deployments/{number}/reject", {"reason": "x"}),
        ("POST", f"deployments/{number}/cancel", {"reason": "x"}),
        ("POST", f"deployments/{number}/cancel", None),
        ("GET", "status?app=shop", None),
        ("GET", "status?app=no", None),
    ]
    answers = [(method, path, call(method, path, body)) for method, path, body in told]
    answers += [("GET", "status", call("GET", "status", text="x"))]
    Token.objects.filter(pk=token.pk).update(scopes=["deploy"])
    answers += [("GET", "status", call("GET", "status"))]
    settings.API_RATE = 0
    answers += [("GET", "status", call("GET", "status"))]

    for method, path, answer in answers:
        place = "/" + re.sub(r"\d+", "{number}", path.partition("?")[0])
        described = OPERATIONS[place, method]["responses"]
        assert str(answer.status_code) in described, (method, path, answer.json())
        fits(answer.json(), described[str(answer.status_code)]["content"]["application/json"]["schema"])
    assert {answer.status_code for _, _, answer in answers} == {200, 202, 400, 401, 403, 404, 409, 429}
