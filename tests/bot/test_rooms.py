"""Where commands for an environment may be typed."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bot import complete, handle
from bot.invocation import Invocation
from deploy_core.models import AuditEntry, Deployment, Environment, Lock
from tests import factories


@pytest.fixture
def limited(production):
    """Production is changed from two rooms only."""
    production.command_rooms = ["deploys", "war-room"]
    production.save()
    return production


@pytest.fixture
def say(shop):
    def said(person, line, *, room="demo", surface="web", rooms=("demo", "deploys"), default_app=""):
        return handle(Invocation(line, person, surface, room, apps=("shop",), rooms=rooms, default_app=default_app))

    return said


def test_a_command_elsewhere_is_refused_with_the_rooms_that_one_may_see(say, alice, limited):
    reply = say(alice, "/deploy shop to production")

    assert (reply.code, reply.is_error, reply.params["rooms"]) == ("not_in_room", True, ["deploys"])
    assert reply.suggest == ("/where shop",)
    assert not Deployment.objects.exists()
    assert AuditEntry.objects.get().outcome == "not_in_room"


def test_it_runs_where_it_belongs_and_the_other_environments_do_anywhere(say, alice, limited):
    assert say(alice, "/deploy shop to production", room="deploys").code == "requested"
    assert say(alice, "/deploy shop to staging").code == "requested"


@pytest.mark.parametrize(
    "line",
    ["/cancel #{}", "/pause #{}", "/retry #{}", "/rollback #{}", "/approve #{}", "/confirm #{}", "/cancel shop"],
)
def test_what_is_under_way_is_not_steered_from_elsewhere(say, shop, limited, line):
    someone = factories.person(role="manager")
    number = Deployment.objects.create(app=shop, environment=limited, ref="main", requested_by=someone).pk

    assert say(someone, line.format(number)).code == "not_in_room"


@pytest.mark.parametrize(
    "line",
    [
        "/lock shop in production",
        "/lock shop",
        "/unlock shop",
        "/rollback shop in prod",
        "/promote shop from staging to production",
    ],
)
def test_nor_is_anything_else_changed(say, alice, limited, line):
    assert say(alice, line).code == "not_in_room"
    assert not Lock.objects.exists()


@pytest.mark.parametrize("line", ["/status shop in production", "/where shop", "/history shop in production", "/locks"])
def test_one_may_look_from_anywhere(say, alice, limited, line):
    assert not say(alice, line).is_error


def test_who_may_not_deploy_there_is_told_that_and_no_room(say, carol, limited):
    assert say(carol, "/deploy shop to production").code == "no_permission"


@pytest.mark.parametrize(
    ("surface", "bound_to", "code"),
    [
        ("webhook", "", "requested"),
        ("api", "shop/production", "requested"),
        ("api", "shop/staging", "token_not_bound"),
        ("api", "", "token_not_bound"),
    ],
)
def test_doors_that_belong_to_no_room_are_bound_by_their_own_scope(alice, limited, surface, bound_to, code):
    assert handle(Invocation("/deploy shop to production", alice, surface, bound_to=bound_to)).code == code


def test_a_place_without_a_room_is_none_of_them(say, alice, limited):
    assert say(alice, "deploy shop to production", room="", surface="slack", rooms=()).code == "not_in_room"


def test_it_is_offered_but_marked(alice, limited, shop):
    asked = Invocation("", alice, "web", "demo", apps=("shop",), rooms=("demo",))

    items = complete(asked, "/deploy shop to ", 16)["items"]

    assert {item["label"]: item.get("blocked", "") for item in items} == {
        "staging": "",
        "production": "not from this room",
    }


def test_the_command_limits_an_environment(shop):
    factories.room("deploys")
    out = StringIO()

    call_command("app", "rooms", "shop", "production", "deploys")
    call_command("app", "list", stdout=out)

    assert Environment.objects.get(name="production").command_rooms == ["deploys"]
    assert "from deploys only" in out.getvalue()
    for words in (("shop", "production", "nowhere"), ("shop", "moon", "deploys")):
        with pytest.raises(CommandError):
            call_command("app", "rooms", *words)
    call_command("app", "rooms", "shop", "production")
    assert Environment.objects.get(name="production").command_rooms == []
