"""Installing the app in workspaces, giving it up, and what Slack is told that the app is."""

import json
import re
from datetime import timedelta
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.utils import timezone

from chatops.slack import manifest, rooms, workspaces
from chatops.slack.models import Identity, Post, Workspace
from deploy_core import sealing
from deploy_core.models import AuditEntry
from tests import factories
from tests.house.checkout import ROOT


@pytest.fixture
def ready(settings, slack):
    settings.SLACK_CLIENT_ID, settings.SLACK_CLIENT_SECRET = "id-1", "client-secret"
    return slack


@pytest.fixture
def manager(db, client):
    client.force_login(factories.person("root", role="manager"))
    return client


def _set_out(client):
    """Go to Slack; the state that comes back."""
    away = client.get("/slack/install")
    assert away.status_code == 302
    return parse_qs(urlsplit(away["Location"]).query)


def test_whoever_manages_everything_installs_it_in_any_number_of_workspaces(ready, manager):
    for team in ("T1", "T2"):
        ready.codes[f"code-{team}"] = ready.workspace(team, name=f"Acme {team}")
        asked = _set_out(manager)
        back = manager.get("/slack/oauth_redirect", {"code": f"code-{team}", "state": asked["state"][0]})
        assert back["Location"] == "/slack/"

    kept = {each.team: each for each in Workspace.objects.all()}
    page = manager.get("/slack/").content.decode()
    assert set(asked["scope"][0].split(",")) == set(manifest.SCOPES)
    assert {team: workspaces.token_of(each) for team, each in kept.items()} == {
        team: ready.workspaces[team].token for team in ("T1", "T2")
    }
    assert "xoxb" not in str(list(Workspace.objects.values_list()))
    assert "Acme T1" in page
    assert "Acme T2" in page


def test_a_token_copied_to_another_workspaces_row_does_not_open(ready, manager):
    one, two = (
        workspaces.install({"team": {"id": team}}, ready.workspace(team).token, by=None) for team in ("T1", "T2")
    )
    two.sealed = one.sealed

    with pytest.raises(sealing.SealError):
        workspaces.token_of(two)


def test_a_state_is_good_once_and_only_where_it_was_made(ready, manager, db):
    from django.test import Client

    ready.codes["code"] = ready.workspace()
    state = _set_out(manager)["state"][0]
    other = Client()
    other.force_login(factories.person("other", role="manager"))

    wrong = manager.get("/slack/oauth_redirect", {"code": "code", "state": "guessed"})
    replayed = manager.get("/slack/oauth_redirect", {"code": "code", "state": state})  # the wrong one used it up
    elsewhere = other.get("/slack/oauth_redirect", {"code": "code", "state": _set_out(manager)["state"][0]})
    none = manager.get("/slack/oauth_redirect", {"code": "code"})

    assert [each.status_code for each in (wrong, replayed, elsewhere, none)] == [400] * 4
    assert not Workspace.objects.exists()
    assert "code" in ready.codes


def test_a_state_of_long_ago_is_of_no_use(ready, manager, monkeypatch):
    ready.codes["code"] = ready.workspace()
    state = _set_out(manager)["state"][0]
    session = manager.session
    session["slack_state"] = [state, session["slack_state"][1] - 601]
    session.save()

    assert manager.get("/slack/oauth_redirect", {"code": "code", "state": state}).status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [({"error": "access_denied"}, 400), ({"code": "unknown"}, 502)],
    ids=["said no", "no such code"],
)
def test_an_installation_that_comes_to_nothing_is_said(ready, manager, query, status):
    state = _set_out(manager)["state"][0]

    back = manager.get("/slack/oauth_redirect", query | {"state": state})

    assert (back.status_code, Workspace.objects.exists()) == (status, False)
    assert b'role="alert"' in back.content


def test_nobody_else_installs_or_removes_it(ready, client, db):
    workspace = workspaces.install({"team": {"id": "T1"}}, ready.workspace().token, by=None)
    client.force_login(factories.person("alice", role="deployer"))

    answers = [
        client.get("/slack/install").status_code,
        client.get("/slack/oauth_redirect", {"code": "c", "state": "s"}).status_code,
        client.post(f"/slack/workspaces/{workspace.pk}/remove/").status_code,
    ]

    assert answers == [403] * 3


def test_others_see_only_workspaces_that_know_them_or_show_their_rooms(ready, client, db):
    alice, bob, carol = (factories.person(name, role="deployer") for name in ("alice", "bob", "carol"))
    one, _ = (workspaces.install({"team": {"id": f"T{n}", "name": f"Acme {n}"}}, "xoxb", by=None) for n in (1, 2))
    Identity.objects.create(workspace=one, user="U1", person=alice)
    rooms.tie(one, "C1", "ops", factories.room("ops", members=(bob,)), by=alice)

    seen = []
    for person in (alice, bob, carol):
        client.force_login(person)
        page = client.get("/slack/").content.decode()
        seen.append(("Acme 1" in page, "Acme 2" in page))

    assert seen == [(True, False), (True, False), (False, False)]


@pytest.mark.parametrize(
    ("quiet_s", "waits", "behind_s", "is_slow"),
    [
        (None, True, None, False),
        (-60, True, None, False),
        (60, False, None, False),
        (60, True, None, True),
        (-60, True, -600, True),
    ],
    ids=["all is well", "it was slow once", "nothing waits", "it waits", "it is behind"],
)
def test_the_page_says_that_slack_is_slow_while_it_is(ready, manager, quiet_s, waits, behind_s, is_slow):
    def at(seconds):
        return None if seconds is None else timezone.now() + timedelta(seconds=seconds)

    workspace = workspaces.install({"team": {"id": "T1"}}, "xoxb", by=None)
    Workspace.objects.update(quiet_until=at(quiet_s), behind=at(behind_s))
    Post.objects.create(workspace=workspace, place="C1", key="k", is_done=not waits)

    page = manager.get("/slack/").content.decode()

    assert ("Slack is slow" in page) == is_slow


def test_one_whose_token_does_not_open_can_be_removed_too(ready, manager):
    workspace = workspaces.install({"team": {"id": "T1"}}, "xoxb", by=None)
    Workspace.objects.update(sealed="v1.another.AAAA.AAAA")

    assert manager.post(f"/slack/workspaces/{workspace.pk}/remove/").status_code == 302
    assert Workspace.objects.get().removed


def test_removing_it_gives_the_token_back_and_forgets_it(ready, manager):
    workspace = workspaces.install({"team": {"id": "T1"}}, ready.workspace().token, by=None)

    manager.post(f"/slack/workspaces/{workspace.pk}/remove/")

    workspace.refresh_from_db()
    assert (workspace.sealed, ready.workspaces["T1"].is_revoked) == ("", True)
    assert AuditEntry.objects.get(action="slack.remove").actor is not None


def test_a_page_before_anything_is_set_up_says_where_the_steps_are(manager, settings):
    settings.SLACK_CLIENT_ID = ""

    assert b"docs/slack.md" in manager.get("/slack/").content
    assert manager.get("/slack/install").status_code == 409


# --- the manifest -----------------------------------------------------------------------------------------------------
def _printed(settings, *words, url="https://ship.example"):
    settings.PUBLIC_URL, settings.IS_PRODUCTION = url, url.startswith("https")
    out, err = StringIO(), StringIO()
    call_command("slack_manifest", *words, stdout=out, stderr=err)
    return json.loads(out.getvalue()), err.getvalue()


def test_the_manifest_has_our_address_wherever_slack_calls(settings):
    printed, said = _printed(settings)

    text = json.dumps(printed)
    assert said == ""
    assert re.findall(r"https://[^\"]+", text) == [
        "https://ship.example/slack/events", "https://ship.example/slack/oauth_redirect",
        "https://ship.example/slack/events", "https://ship.example/slack/events",
    ]  # fmt: skip


def test_for_socket_mode_nothing_calls_us(settings):
    printed, said = _printed(settings, "--socket", url="http://127.0.0.1:8000")

    assert "/slack/events" not in json.dumps(printed)
    assert printed["settings"]["socket_mode_enabled"] is True
    assert said == ""


def test_an_address_that_slack_cannot_reach_is_said(settings):
    assert "https" in _printed(settings, url="http://127.0.0.1:8000")[1]


def test_the_manifest_asks_for_what_the_code_uses_and_nothing_else():
    from tests.services.slack import SCOPES

    source = "".join(path.read_text() for path in sorted((ROOT / "chatops" / "slack").glob("*.py")))
    called = {method for method in SCOPES if f'"{method}"' in source}
    listened = set(re.findall(r'made\.event\("(\w+)"\)', source))

    assert {SCOPES[method] for method in called} <= set(manifest.SCOPES)
    # What people say comes as one event, whatever the channel is; a manifest names each kind of channel.
    assert listened == {event.partition(".")[0] for event in manifest.EVENTS}


def test_the_page_about_slack_says_the_same_as_the_code(settings):
    text = (ROOT / "docs" / "slack.md").read_text()

    named = set(re.findall(r"SHIPROOM_SLACK_\w+", text))
    known = set(re.findall(r'"(SHIPROOM_SLACK_\w+)"', (ROOT / "chatops" / "settings.py").read_text()))
    assert named <= known
    for command in ("slack_manifest", "slack_manifest --socket", "slack_socket"):
        assert f"manage.py {command}" in text
    for said in ("/deploy link", "/deploy unlink", "/deploy room", "/slack/events", "connections:write"):
        assert said in text
