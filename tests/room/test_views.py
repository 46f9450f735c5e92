"""The pages: readable as they come, with all that the script goes on from, and nothing of what one may not see."""

import json
import re

import pytest
from django.db import OperationalError
from django.urls import reverse

from chatops import health
from chatops.room import messages, people
from deploy_core import deployments
from deploy_core.ledger import journal, log
from deploy_core.models import Step
from deploy_core.rules.status import Status, StepStatus
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def room(alice):
    return factories.room("demo", members=(alice,), apps=(factories.app("shop"),), topic="Ship it")


@pytest.fixture
def deployment(alice, room):
    staging = factories.environment(room.default_app, "staging", servers=(factories.server("web-1"),))
    return deployments.request(room.default_app, "main", staging, by=alice, surface="web")


@pytest.fixture
def reader(client, alice):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _say(author, room, text, cid):
    return messages.post(author=author, room=room, text=text, client_id=cid, surface="web")


def _boot(response):
    found = re.search(r'<script id="boot" type="application/json">(.*?)</script>', response.content.decode(), re.DOTALL)
    assert found, response.content
    return json.loads(found[1])


@pytest.mark.parametrize("name", ["home", "deployments"])
def test_pages_ask_to_sign_in(client, db, name):
    response = client.get(reverse(name))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/sign-in/")


def test_home_is_the_only_room_or_the_list(reader, alice, room):
    assert reader.get("/")["Location"] == "/rooms/demo/"

    factories.room("lobby", members=(alice,))

    page = reader.get("/").content.decode()
    assert "/rooms/demo/" in page
    assert "/rooms/lobby/" in page


def test_nobody_without_a_room_is_lost(reader):
    factories.room("lobby")

    page = reader.get("/")

    assert page.status_code == 200
    assert "/rooms/lobby/join/" in page.content.decode()


def test_of_two_who_make_a_room_of_one_name_the_second_is_told_so(reader, monkeypatch):
    create = people.create

    def come_second(*what):
        factories.room("ops")
        return create(*what)

    monkeypatch.setattr(people, "create", come_second)
    page = reader.post("/rooms/", {"slug": "ops"})

    assert page.status_code == 400
    assert "There is a room of this name already" in page.content.decode()


def test_a_room_with_any_name_that_is_allowed_has_a_page(reader, alice):
    factories.room("ops.eu_1-a", members=(alice,))

    assert reader.get("/rooms/ops.eu_1-a/").status_code == 200


def test_a_room_shows_its_last_lines_without_script(reader, alice, room):
    _say(alice, room, "<img src=x onerror=alert(1)>", "c1")
    _say(alice, room, "/apps", "c2")

    page = reader.get("/rooms/demo/").content.decode()

    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page
    assert "The apps you can see" in page


def test_a_rooms_page_carries_what_its_script_goes_on_from(reader, alice, room, deployment):
    first = _say(alice, room, "hello", "c1")
    _say(alice, room, "/stauts", "c2")
    room.memberships.update(read=1)

    boot = _boot(reader.get("/rooms/demo/"))

    assert boot["you"] == {"id": alice.pk, "name": "alice"}
    assert (boot["room"]["slug"], boot["room"]["default_app"], boot["room"]["apps"]) == ("demo", "shop", ["shop"])
    assert (boot["room_stream"]["s"], boot["room_stream"]["q"]) == (f"room:{room.pk}", 1)
    assert boot["room_stream"]["last"][0]["q"] == first["q"]
    assert [event["d"]["code"] for event in boot["person_stream"]["last"]] == ["unknown_command"]
    (live,) = boot["deployments"]
    assert (live["s"], live["q"], live["state"]["status"]) == (f"deployment:{deployment.pk}", 1, "planning")
    assert live["state"]["graph"][0]["key"] == "start"
    assert boot["read"] == 1
    assert boot["phrases"]["status.running"]
    assert boot["urls"]["log"] == "/deployments/0/log/STEP/"


def test_the_bots_words_come_in_the_readers_language(reader, alice, room):
    _say(alice, room, "/apps", "c1")
    reader.cookies["language"] = "zh-hans"

    page = reader.get("/rooms/demo/")

    assert _boot(page)["phrases"]["status.running"] != "running"
    assert "The apps you can see" not in page.content.decode()


def test_a_room_one_is_not_in_is_not_there(reader, alice):
    factories.room("secret")

    assert reader.get("/rooms/secret/").status_code == reader.get("/rooms/nowhere/").status_code == 404


def test_a_deployment_of_another_app_is_neither_in_the_room_nor_on_a_page(client, room, deployment):
    carol = factories.person("carol")
    lobby = factories.room("lobby", members=(carol,))
    client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")

    assert _boot(client.get(f"/rooms/{lobby.slug}/"))["deployments"] == []
    assert "shop" not in client.get("/deployments/").content.decode()
    for path in ("", "log/build/", "log/build/?raw"):
        assert client.get(f"/deployments/{deployment.pk}/{path}").status_code == 404


@pytest.mark.parametrize("number", ["999999", "99999999999999999999999"])
def test_a_deployment_that_is_not_there_is_404(reader, number):
    assert reader.get(f"/deployments/{number}/").status_code == 404


def test_the_list_goes_back_in_time_and_narrows_to_an_app(reader, alice, room, deployment, monkeypatch):
    monkeypatch.setattr("chatops.deployments.views.LISTED", 2)
    others = [
        deployments.request(deployment.app, "main", deployment.environment, by=alice, surface="web") for _ in "12"
    ]

    newest = reader.get("/deployments/").content.decode()
    older = reader.get(f"/deployments/?before={others[0].pk}").content.decode()

    assert [f"/deployments/{each.pk}/" in newest for each in (deployment, *others)] == [False, True, True]
    assert f"?before={others[0].pk}" in newest
    assert f"/deployments/{deployment.pk}/" in older
    assert f"/deployments/{deployment.pk}/" not in reader.get("/deployments/?app=api").content.decode()
    assert reader.get("/deployments/?before=x").status_code == 200


def test_a_deployments_page_says_how_it_stands_and_why(reader, deployment):
    journal.move(deployment.pk, Status.FAILED, "ref_not_found", params={"ref": "main", "app": "shop"})

    response = reader.get(f"/deployments/{deployment.pk}/")

    page = response.content.decode()
    assert 'data-status="failed"' in page
    assert "main" in page
    assert 'data-key="health:web-1"' in page
    assert _boot(response)["deployment"]["state"]["reason"] == "ref_not_found"


def test_a_log_is_read_in_pages_and_raw(reader, deployment, monkeypatch):
    monkeypatch.setattr("chatops.deployments.logs.LINES", 2)
    step = Step.objects.get(deployment=deployment, key="build")
    journal.move_step(step.pk, StepStatus.RUNNING, epoch=deployment.epoch)
    with log.LogWriter(step.pk, deployment.epoch) as writer:
        for n in range(1, 6):
            writer.write("o", f"line <{n}>")
    address = f"/deployments/{deployment.pk}/log/build/"

    middle = reader.get(f"{address}?from=3").content.decode()
    raw = reader.get(f"{address}?raw")

    assert 'id="L3"' in middle
    assert 'id="L5"' not in middle
    assert "line &lt;3&gt;" in middle
    assert "?from=1" in middle
    assert "?from=5" in middle
    assert b"".join(raw.streaming_content).decode() == "".join(f"line <{n}>\n" for n in range(1, 6))
    assert raw["Content-Type"] == "text/plain; charset=utf-8"
    assert reader.get(f"/deployments/{deployment.pk}/log/nothing/").status_code == 404
    assert reader.get(f"{address}?from=999999999999999999").status_code == 200


def test_what_a_hook_prints_is_text_on_every_page(reader, deployment):
    printed = "</script><script>alert(1)</script>"
    step = Step.objects.get(deployment=deployment, key="build")
    journal.move_step(step.pk, StepStatus.RUNNING, epoch=deployment.epoch)
    with log.LogWriter(step.pk, deployment.epoch) as writer:
        writer.write("o", printed)
    params = {"command": printed, "tail": [printed]}
    journal.move_step(step.pk, StepStatus.FAILED, "build_failed", epoch=deployment.epoch, params=params)

    for address in ("", "log/build/"):
        page = reader.get(f"/deployments/{deployment.pk}/{address}").content.decode()
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "</script><script" not in page


def test_pages_are_not_kept_by_the_browser(reader, room, deployment):
    for path in ("/rooms/demo/", "/deployments/", f"/deployments/{deployment.pk}/"):
        assert "no-store" in reader.get(path)["Cache-Control"]


def test_health_is_asked_without_a_session(client, db):
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_a_database_that_does_not_answer_is_told_to_whoever_watches(client, db, monkeypatch):
    def fails():
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as away:
        away.setattr(health.connection, "cursor", fails)
        response = client.get("/healthz")

    assert (response.status_code, response.content) == (503, b"the database does not answer\n")
