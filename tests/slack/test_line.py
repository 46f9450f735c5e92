"""Socket Mode: the line that we open to Slack has the same listeners, and no signature."""

import pytest
from django.core.management import CommandError, call_command

from chatops.slack import line, workspaces
from chatops.slack.models import Workspace
from deploy_core.models import Deployment
from tests.services import slack_socket
from tests.waiting import wait_until


@pytest.fixture
def socket(slack, settings):
    settings.SLACK_APP_TOKEN, settings.SLACK_PING_S = "xapp-1", 1.0
    with slack_socket.running() as socket:
        slack.socket_url = socket.url
        yield socket


@pytest.fixture
def opened(ship, socket):
    handler = line.open_()
    yield handler
    _close(handler, socket)


def _close(handler, socket):
    handler.client.auto_reconnect_enabled = False
    wait_until(lambda: socket.connections)
    socket.cut()  # else it is closed only when the SDK looks up from listening, three seconds later
    handler.close()


def _command(ship, **changes):
    return {
        "command": "/deploy", "text": "shop/main to staging", "team_id": "T1", "user_id": "UALICE",
        "channel_id": ship.there.id, "trigger_id": ship.slack.trigger(), "response_url": ship.slack.hook(), **changes,
    }  # fmt: skip


def test_a_command_runs_once_as_the_person_though_the_line_is_cut_and_it_comes_again(ship, socket, opened):
    command = _command(ship)
    first = socket.hand_over("slash_commands", command)
    socket.cut()
    again = socket.hand_over("slash_commands", command)

    deployment = Deployment.objects.get()
    assert (deployment.requested_by, deployment.surface) == (ship.alice, "slack")
    assert first["text"].startswith(f"#{deployment.pk} deploys shop")
    assert again["text"] == first["text"]


def test_events_and_presses_come_over_it_too(ship, socket, opened):
    socket.hand_over("slash_commands", _command(ship))
    deployment = Deployment.objects.get()
    button = {"type": "button", "action_id": "deploy.cancel", "value": f"{deployment.pk}:1", "action_ts": "1.2"}
    press = {
        "type": "block_actions", "team": {"id": "T1"}, "user": {"id": "UALICE", "team_id": "T1"},
        "channel": {"id": ship.there.id}, "container": {"message_ts": "1.1"}, "response_url": ship.slack.hook(),
        "actions": [button],
    }  # fmt: skip
    socket.hand_over("interactive", press)
    goodbye = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {"type": "app_uninstalled"}}
    socket.hand_over("events_api", goodbye)

    wait_until(lambda: Workspace.objects.get().removed)
    deployment.refresh_from_db()
    assert deployment.status == "cancelled"


def test_the_bot_token_that_was_given_is_kept_sealed(db, slack, settings, socket):
    slack.workspace(scopes=("commands",))
    settings.SLACK_BOT_TOKEN = slack.workspaces["T1"].token
    _close(line.open_(), socket)
    before = Workspace.objects.get().scopes
    slack.workspaces["T1"].scopes += ("channels:history",)  # installed anew, a bot keeps its token
    line._install(settings.SLACK_BOT_TOKEN)

    workspace = Workspace.objects.get()
    assert (workspace.team, workspaces.token_of(workspace)) == ("T1", settings.SLACK_BOT_TOKEN)
    assert settings.SLACK_BOT_TOKEN not in workspace.sealed
    assert (before, workspace.has_scope("channels:history")) == ("commands", True)


@pytest.mark.parametrize(
    ("app_token", "bot_token", "words"),
    [
        ("", "", "SHIPROOM_SLACK_APP_TOKEN"),
        ("xapp-1", "", "no workspace has the app"),
        ("xapp-1", "xoxb-none", "invalid_auth"),
    ],
)
def test_without_its_tokens_it_says_which(db, slack, settings, app_token, bot_token, words):
    settings.SLACK_APP_TOKEN, settings.SLACK_BOT_TOKEN = app_token, bot_token

    with pytest.raises(CommandError, match=words):
        call_command("slack_socket")
