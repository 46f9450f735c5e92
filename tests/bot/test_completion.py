"""What is offered at the caret."""

import pytest
from django.utils import timezone

from bot import complete
from bot.invocation import Invocation
from bot.models import OwnAlias
from deploy_core.models import KnownRef, Lock
from deploy_core.safety import freezes
from tests import factories


@pytest.fixture
def at(shop):
    """`at(person, "/deploy sh|op")`: the answer with the caret at the bar."""

    def asked(person, line, *, default_app=""):
        text, caret = line.replace("|", "", 1), line.index("|")
        return complete(
            Invocation(text="", actor=person, room="demo", apps=("shop",), default_app=default_app), text, caret
        )

    return asked


def inserts(answer):
    return [item["insert"] for item in answer["items"]]


def active(answer):
    return [arg["name"] for arg in answer["usage"]["args"] if arg["active"]]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/dep|", ["deploy"]),
        ("/sh|", ["ship"]),
        ("/de|ploy shop", ["deploy"]),
        ("/deploy |", ["shop"]),
        ("/deploy sh|", ["shop"]),
        ("/deploy x|", []),
        ("/deploy shop/|", ["main", "broken", "feature/login", "v1.0"]),
        ("/deploy shop/fea|", ["feature/login"]),
        ("/deploy shop@v|", ["v1.0"]),
        ("/deploy shop fea|", ["feature/login"]),
        ("/deploy shop to |", ["staging", "production"]),
        ("/deploy shop to p|", ["production"]),
        ("/deploy shop t|", ["to staging", "to production"]),
        ("/deploy shop/main |", ["to staging", "to production"]),
        ("/rollback shop |", ["in staging", "in production"]),
        ("/where s|", ["shop", "staging"]),
        ("/help ro|", ["rollback"]),
        ("/branches shop |", []),
        ("@chatops stat|", ["status"]),
        ("/deploy shop to staging/|", ["web-1", "web-2", "web-3"]),
        ("/deploy shop to staging/web-1,w|", ["web-1", "web-2", "web-3"]),
        ("/deploy shop to staging/x|", []),
        ("/lock |", ["shop"]),
        ("/incident |", []),
        ("good morn|ing", []),
        ("|", []),
    ],
)
def test_what_fits_at_the_caret_is_offered(at, alice, fetched, line, offered):
    assert inserts(at(alice, line)) == offered


def test_ones_own_words_are_offered_with_what_they_stand_for_and_nobody_elses(at, alice, carol):
    OwnAlias.objects.create(person=alice, word="depot", line="deploy shop to staging")
    OwnAlias.objects.create(person=carol, word="depend", line="status")

    (verb, own) = at(alice, "/dep|")["items"]

    assert (verb["insert"], own["insert"], own["label"]) == ("deploy", "depot", "/depot")
    assert own["hint"] == "/deploy shop to staging"
    assert inserts(at(alice, "/unalias |")) == ["depot"]
    assert inserts(at(alice, "/help dep|")) == ["deploy"]


def test_the_part_at_the_caret_is_named_and_replaced_whole(at, alice, fetched):
    answer = at(alice, "/deploy shop/fea|ture to staging")

    assert (answer["from"], answer["to"]) == (len("/deploy shop/"), len("/deploy shop/feature"))
    assert answer["usage"]["name"] == "/deploy"
    assert active(answer) == ["app[/ref]"]
    assert active(at(alice, "/deploy shop |")) == ["to environment"]
    assert active(at(alice, "/deploy shop to |")) == ["to environment"]
    assert active(at(alice, "/deploy shop to staging |")) == []


def test_what_one_may_not_choose_is_shown_with_the_reason(at, alice, carol):
    assert [item.get("blocked") for item in at(carol, "/deploy shop to |")["items"]] == ["not yours to change"] * 2
    assert not any("blocked" in item for item in at(alice, "/deploy shop to |")["items"])
    assert not any("blocked" in item for item in at(carol, "/status shop in |")["items"])


def test_deployments_are_offered_to_cancel(at, alice, ask):
    number = ask(alice, "/deploy shop to staging").deployment_id

    item = at(alice, "/cancel |")["items"][0]

    assert (item["insert"], item["hint"]) == (f"#{number}", "shop → staging by alice")


def test_the_app_of_the_room_need_not_be_typed(at, alice):
    assert inserts(at(alice, "/deploy to |", default_app="shop")) == ["staging", "production"]
    assert inserts(at(alice, "/deploy t|", default_app="shop")) == ["to staging", "to production"]


def test_a_long_list_is_cut_and_said_to_be(at, alice, shop):
    now = timezone.now()
    KnownRef.objects.bulk_create(
        KnownRef(app=shop, kind="branch", name=f"b{n:02}", revision="0" * 40, at=now) for n in range(30)
    )

    answer = at(alice, "/deploy shop/b|")

    assert len(answer["items"]) == 12
    assert answer["more"]


def test_an_unseen_app_is_not_offered(at, alice):
    factories.app("secret")
    stranger = factories.person("mallory")

    assert inserts(at(stranger, "/deploy se|")) == []


def test_hints_are_in_the_language_of_the_person(at, alice):
    alice.language = "zh-hans"

    answer = at(alice, "/deploy |")

    assert active(answer) == ["应用[/版本]"]
    assert at(alice, "/deplo|")["items"][0]["hint"] == "部署一个分支、标签或提交"


@pytest.mark.parametrize("caret", [-5, 0, 3, 999])
def test_any_caret_is_answered(alice, shop, caret):
    assert complete(Invocation(text="", actor=alice, room="demo"), "/deploy shop", caret)["from"] <= 999


def test_locks_freezes_and_what_waits_are_said_beforehand(at, shop, alice):
    bob = factories.person("bob")
    lock = Lock.objects.create(app=shop, environment="staging", owner=bob)
    freezes.freeze(shop, "production", by=factories.person("eve", role="approver"), reason="audit")

    mine = {item["label"]: item.get("blocked", "") for item in at(alice, "/deploy shop to |")["items"]}
    looking = {item["label"]: item.get("blocked", "") for item in at(alice, "/history shop in |")["items"]}

    assert mine == {"staging": "locked by bob", "production": "frozen"}
    assert set(looking.values()) == {""}
    lock.owner = alice
    lock.save()
    assert "blocked" not in at(alice, "/deploy shop to s|")["items"][0]
