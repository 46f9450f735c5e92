"""The whole road on a real server: from Slack to the servers and back, from the web to Slack, and through a kill -9."""

import contextlib
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.services import shiproom
from tests.services import slack as slack_service
from tests.services.shiproom import Shiproom
from tests.services.slack import FakeSlack
from tests.services.slack_people import Mail, Someone
from tests.slack.conftest import SECRET
from tests.waiting import wait_until

SEED = """
from chatops.room.models import Room
from chatops.slack import rooms, workspaces
from chatops.slack.models import Identity
from deploy_core.models import Person
alice = Person.objects.get(username="alice")
team = {{"id": "T1", "name": "Acme"}}
answer = {{"team": team, "bot_user_id": "UBOT", "bot_id": "B1", "scope": "{scopes}"}}
workspace = workspaces.install(answer, "{token}", by=alice)
Identity.objects.create(workspace=workspace, user="UALICE", person=alice)
rooms.tie(workspace, "{channel}", "ops", Room.objects.get(slug="demo"), by=alice)
"""


class Road:
    """A demo that a Slack channel is linked to."""

    def __init__(self, server: Shiproom, slack: FakeSlack) -> None:
        self.server = server
        self.slack = slack
        self.channel = slack.channel("ops")
        workspace = slack.workspace()
        fields = {"scopes": ",".join(workspace.scopes), "token": workspace.token, "channel": self.channel.id}
        server.run_code(SEED.format(**fields))
        self.alice = Someone(slack, Mail(SECRET, self.send), user="UALICE", channel=self.channel.id)

    def send(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        sent = httpx.post(f"{self.server.url}/slack/events", content=body, headers=headers, trust_env=False, timeout=20)
        return sent.status_code, sent.content

    def cards(self, number: int) -> list[slack_service.Message]:
        return [message for message in self.slack.in_channel(self.channel.id) if message.text.startswith(f"#{number} ")]

    def card(self, number: int, ending: str) -> slack_service.Message:
        """The one message of a deployment, once its text ends so."""

        def found() -> bool:
            return any(message.text.endswith(ending) for message in self.cards(number))

        wait_until(found, what=f"#{number} {ending} among {[message.text for message in self.slack.messages.values()]}")
        (card,) = self.cards(number)
        return card


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    with slack_service.running() as slack:
        slack.rates.limits = {}
        settings = {
            "SIGNING_SECRET": SECRET, "API_URL": slack.api_url, "HOOKS_URL": slack.hooks_url,
            "ACK_S": "20", "POST_GAP_S": "0.1", "EDIT_GAP_S": "0.2", "TICK_S": "0.2", "LEASE_S": "3", "UNSURE_S": "0.5",
        }  # fmt: skip
        named = {f"SHIPROOM_SLACK_{name}": value for name, value in settings.items()}
        with shiproom.running(servers=1, **named) as server:
            yield Road(server, slack)


def test_from_slack_to_the_servers_and_from_the_web_to_slack_both_end_alike(road: Road) -> None:
    sent = road.alice.command("shop/main to staging")
    number = int(re.search(r"#(\d+)", sent.told["text"])[1])  # type: ignore[index]
    said = road.server.say("/deploy shop/main to staging", by="alice")
    other = road.server.newest_deployment()

    from_slack, from_web = road.card(number, "done"), road.card(other, "done")
    surfaces = road.server.rows(
        "SELECT id, surface, status FROM deploy_core_deployment WHERE id IN (?, ?)", number, other
    )
    typed = (
        "SELECT surface FROM room_event WHERE kind = 'command' AND json_extract(payload, '$.text') LIKE 'shop/main%'"
    )
    assert (sent.status, said.returncode) == (200, 0)
    assert surfaces == [(number, "slack", "succeeded"), (other, "shell", "succeeded")]
    assert road.server.rows(typed) == [("slack",)]
    assert "<@UALICE>" in json.dumps(from_slack.blocks)
    assert "<@UALICE>" in json.dumps(from_web.blocks)
    page = httpx.get(
        f"{road.server.url}/rooms/demo/", cookies=road.server.cookies("alice"), trust_env=False, timeout=20
    )
    assert '"via": "slack"' in page.text or '"via":"slack"' in page.text


def test_killed_between_slacks_answer_and_our_row_there_is_one_message(road: Road) -> None:
    road.slack.trouble("chat.postMessage", after=road.server.kill)
    newest = road.server.newest_deployment()

    with contextlib.suppress(httpx.TransportError):  # the server may die before it has told Slack that it heard
        road.alice.command("shop/main to staging")
    number = road.server.deployment_after(newest)
    process = road.server.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, what="the server is killed")
    assert len(road.cards(number)) == 1
    road.server.start()

    card = road.card(number, "done")
    assert card.edits > 0
    assert road.slack.count("conversations.history") == 1
