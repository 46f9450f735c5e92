"""The buttons of a deployment's page send lines the one road, and the list is narrowed by a form."""

import re

import pytest

from chatops.room.models import Line, Message
from deploy_core import deployments
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Person
from deploy_core.rules.status import Status
from deploy_core.safety import fingerprint, gates
from tests import factories, queries

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def alice():
    return factories.person("alice", role="deployer")


@pytest.fixture
def room(alice):
    return factories.room("demo", members=(alice,), apps=(factories.app("shop"),))


@pytest.fixture
def deployment(alice, room):
    staging = factories.environment(room.default_app, "staging", servers=(factories.server("web-1"),))
    return deployments.request(room.default_app, "main", staging, by=alice, surface="web")


@pytest.fixture
def reader(client, alice):
    client.force_login(alice, backend=BACKEND)
    return client


CID = "page:00000000-0000-4000-8000-000000000001"


def _press(reader, deployment, act, cid=CID):
    return reader.post(f"/deployments/{deployment.pk}/act/", {"act": act, "cid": cid}, follow=True)


@pytest.mark.parametrize("cid", ["", "page:1", "page:" + "a" * 75, "page:\0", f"{CID}\n"])
def test_a_form_with_no_client_id_of_ours_does_nothing(reader, room, deployment, cid):
    with queries.values() as values:
        assert _press(reader, deployment, "cancel", cid).status_code == 200

    deployment.refresh_from_db()
    assert deployment.status == Status.PLANNING
    assert not [value for value in values if "\0" in value]  # no database looks for that


def test_a_button_sends_the_line_once_and_the_room_sees_it(reader, room, deployment):
    assert 'value="cancel"' in reader.get(f"/deployments/{deployment.pk}/").content.decode()

    page = _press(reader, deployment, "cancel").content.decode()
    _press(reader, deployment, "cancel")

    deployment.refresh_from_db()
    assert deployment.status == Status.CANCELLED
    assert "is stopped. It had not begun." in page
    assert [line.text for line in Line.objects.all()] == [f"/cancel #{deployment.pk}"]
    assert Message.objects.filter(room=room, kind=Message.Kind.COMMAND).count() == 1


def test_trying_again_leads_to_the_new_deployment(reader, deployment):
    journal.move(deployment.pk, Status.FAILED, "git_unreachable", params={"repository": "x"})

    page = _press(reader, deployment, "retry")

    new = Deployment.objects.latest("pk")
    assert new.pk != deployment.pk
    assert page.redirect_chain[-1][0].startswith(f"/deployments/{new.pk}/?said=")


def test_what_may_not_be_is_told_and_not_done(client, room, deployment):
    carol = factories.person("carol")
    room.memberships.create(person=carol)
    client.force_login(carol, backend=BACKEND)

    page = _press(client, deployment, "cancel").content.decode()

    deployment.refresh_from_db()
    assert deployment.status == Status.PLANNING
    assert "carol may not stop deployments of shop to staging" in page


@pytest.mark.parametrize("act", ["", "resume", "/rollback shop in staging"])
def test_only_the_moves_of_the_status_are_sent(reader, deployment, act):
    assert _press(reader, deployment, act).status_code == 200
    assert not Line.objects.exists()


def test_nobody_acts_on_what_they_do_not_see_or_without_a_room_to_say_it_in(client, deployment):
    viewer = factories.person("dave", role="deployer")
    client.force_login(viewer, backend=BACKEND)
    page = client.get(f"/deployments/{deployment.pk}/").content.decode()
    assert "You are in no room that follows shop" in page
    assert not _pressable(page)
    _press(client, deployment, "cancel")
    assert not Line.objects.exists()

    client.force_login(factories.person("erin"), backend=BACKEND)
    assert client.post(f"/deployments/{deployment.pk}/act/", {"act": "cancel", "cid": CID}).status_code == 404


def _pressable(page):
    """The moves whose buttons are there and open."""
    return re.findall(r'data-move="([a-z-]+)"(?! hidden)[^>]*>(?:(?!</form>).)*?type="submit"', page, re.S)


@pytest.fixture
def asked(alice, room):
    """alice asked for production, where one of bob and dora must agree."""
    production = factories.environment(
        room.default_app, "production", servers=(factories.server("web-9"),), approvals_needed=1
    )
    made = deployments.request(room.default_app, "main", production, by=alice, surface="web")
    people = [factories.person(name, role="approver") for name in ("bob", "dora")]
    for each in people:
        room.memberships.create(person=each)
    Deployment.objects.filter(pk=made.pk).update(plan_hash=fingerprint.of(production, "", "", ["web-9"]))
    gates.pass_on(made.pk)
    made.refresh_from_db()
    return made


def test_who_may_agree_gets_the_buttons_and_others_the_reason(client, alice, room, asked):
    pages = {}
    for name in ("alice", "bob"):
        client.force_login(Person.objects.get(username=name), backend=BACKEND)
        pages[name] = client.get(f"/deployments/{asked.pk}/").content.decode()
    carol = factories.person("carol", role="viewer")
    room.memberships.create(person=carol)
    client.force_login(carol, backend=BACKEND)
    pages["carol"] = client.get(f"/deployments/{asked.pk}/").content.decode()

    assert _pressable(pages["bob"]) == ["approve", "reject", "cancel"]
    assert _pressable(pages["alice"]) == ["cancel"]
    assert "It takes the role of approver for shop in production." in pages["alice"]
    assert _pressable(pages["carol"]) == []
    assert "It takes the role of deployer for shop in production." in pages["carol"]
    assert "1 of bob, dora must agree" in pages["bob"]


def test_a_yes_is_told_on_the_page_with_its_comment_and_asks_no_more(client, asked):
    client.force_login(Person.objects.get(username="bob"), backend=BACKEND)

    _press(client, asked, "approve")

    page = client.get(f"/deployments/{asked.pk}/").content.decode()
    assert Deployment.objects.get(pk=asked.pk).status == Status.QUEUED
    assert re.search(r'data-slot="name">bob</strong> <span data-slot="said">approved', page)
    assert "must agree</span>" not in page


def test_a_no_takes_a_reason_and_ends_it(client, asked):
    client.force_login(Person.objects.get(username="dora"), backend=BACKEND)

    refused = client.post(f"/deployments/{asked.pk}/act/", {"act": "reject", "cid": CID}, follow=True)
    assert "answered is-bad" in refused.content.decode()
    cid = CID.replace("1", "2")
    client.post(f"/deployments/{asked.pk}/act/", {"act": "reject", "cid": cid, "text": "not\non a Friday"})

    asked.refresh_from_db()
    assert (asked.status, asked.reason_params["because"]) == (Status.REJECTED, "not on a Friday")


def test_the_list_is_narrowed_by_app_environment_status_and_person(reader, alice, room, deployment, monkeypatch):
    monkeypatch.setattr("chatops.deployments.views.LISTED", 1)
    live = factories.environment(room.default_app, "live", servers=(factories.server("web-2"),))
    others = [deployments.request(room.default_app, "main", live, by=alice, surface="web") for _ in "12"]
    journal.move(others[0].pk, Status.FAILED, "git_unreachable", params={})
    monkeypatch.undo()

    def listed(query):
        return [each["id"] for each in reader.get(f"/deployments/?{query}").context["deployments"]]

    assert listed("environment=live") == [others[1].pk, others[0].pk]
    assert listed("environment=live&status=failed&by=alice&app=shop") == [others[0].pk]
    assert listed("by=nobody") == []
    assert listed("status=nonsense&app=shop") == []
    assert listed("app=") == [others[1].pk, others[0].pk, deployment.pk]
    monkeypatch.setattr("chatops.deployments.views.LISTED", 1)
    page = reader.get("/deployments/?environment=live").content.decode()
    assert f"?before={others[1].pk}&amp;environment=live" in page
    assert '<option value="live" selected>' in page
    assert "No deployment is all of this." in reader.get("/deployments/?by=<b>").content.decode()


def test_buttons_are_pressed_no_faster_than_lines_are_sent(reader, room, deployment, settings):
    settings.SEND_RATE = 2

    answers = [_send(reader, deployment, "cancel") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= settings.SEND_RATE_WINDOW_S


def _send(reader, deployment, act, cid=CID):
    return reader.post(f"/deployments/{deployment.pk}/act/", {"act": act, "cid": cid})
