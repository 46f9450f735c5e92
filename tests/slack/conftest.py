"""A workspace with people in it, a room that a channel shows, and the app's door, by Django's test client."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from chatops.room.models import Stream
from chatops.room.streams import heads
from chatops.slack import hands, mirror, rooms, workspaces
from chatops.slack.models import Channel, Identity, Post, Workspace
from chatops.slack.sender import Sender
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Person, Step
from deploy_core.rules.status import Status, StepStatus
from deploy_core.safety import fingerprint, gates
from tests import factories
from tests.services import slack as slack_service
from tests.services.slack import FakeSlack
from tests.services.slack_people import Mail, Someone
from tests.waiting import wait_until

SECRET = "signing-secret-of-the-tests"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def _slack() -> Iterator[FakeSlack]:
    with slack_service.running() as slack:
        yield slack


@pytest.fixture
def slack(_slack: FakeSlack, settings: Any) -> FakeSlack:
    """A fake Slack with nothing in it; time passes a hundred times as fast."""
    _slack.begin_anew()
    settings.SLACK_API_URL, settings.SLACK_HOOKS_URL = _slack.api_url, _slack.hooks_url
    settings.SLACK_SIGNING_SECRET = SECRET
    settings.SLACK_ACK_S = 20.0  # the machine may be busy: answers are waited for
    settings.SLACK_POST_GAP_S, settings.SLACK_EDIT_GAP_S, settings.SLACK_EDIT_GAP_MOST_S = 0.01, 0.02, 0.3
    settings.SLACK_RETRY_S, settings.SLACK_RETRY_MOST_S, settings.SLACK_UNSURE_S = 0.05, 0.2, 0.1
    settings.SLACK_TICK_S, settings.SLACK_TIMEOUT_S, settings.SLACK_EDITS_PER_MINUTE = 0.05, 20.0, 4000
    _slack.rates.limits = {"chat.postMessage": (1, 0.005), "chat.update": (5000, 60.0)}
    return _slack


def by_client(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Deliver to the app in this process."""
    kind = headers.pop("Content-Type")
    sent = Client(headers=headers).post("/slack/events", data=body, content_type=kind)
    headers["Content-Type"] = kind
    return sent.status_code, sent.content


class Ship:
    """alice (manager) and bob (no role) are linked and in the room `demo`, which a channel shows; carol is nobody."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.alice: Person = factories.person("alice", role="manager")
        self.bob: Person = factories.person("bob")
        self.shop = factories.app("shop")
        self.staging = factories.environment(self.shop, "staging", servers=(factories.server("web-1"),))
        self.room = factories.room("demo", members=(self.alice, self.bob), apps=(self.shop,))
        fake = slack.workspace("T1")
        self.workspace: Workspace = workspaces.install(
            {
                "team": {"id": "T1", "name": "Acme"}, "app_id": "A1", "bot_user_id": "UBOT", "bot_id": "B1",
                "scope": ",".join(fake.scopes),
            },
            fake.token,
            by=self.alice,
        )  # fmt: skip
        self.fake = fake
        self.there = slack.channel("ops")
        self.channel: Channel = rooms.tie(self.workspace, self.there.id, "ops", self.room, by=self.alice)
        self.mail = Mail(SECRET, by_client)
        self.link("UALICE", self.alice)
        self.link("UBOB", self.bob)

    def link(self, user: str, person: Person) -> Identity:
        return Identity.objects.create(workspace=self.workspace, user=user, person=person)

    def user(self, user: str = "UALICE", **fields: Any) -> Someone:
        return Someone(self.slack, self.mail, user=user, **{"channel": self.there.id, **fields})

    def send_all(self) -> None:
        """Work the outbox off until nothing is left to do."""
        sender = Sender(f"test-{next(_numbers)}")

        def is_idle() -> bool:
            sender.round()
            return not self._has_work()

        wait_until(is_idle)

    def hears(self, words: str) -> None:
        """Wait until a response_url got an answer with these words."""
        wait_until(lambda: any(words in told["text"] for told in self.slack.hooked), what=words)

    # --- what happens to a deployment, without an engine --------------------------------------------------------------
    def plan(self, deployment: Deployment) -> None:
        """It is planned, and waits for people."""
        deployment.refresh_from_db()
        revision = "3f9c2ab" + "0" * 33
        servers = list(deployment.environment.placements.values_list("server__name", flat=True))
        hashed = fingerprint.of(deployment.environment, revision, "", servers)
        Deployment.objects.filter(pk=deployment.pk).update(revision=revision, plan_hash=hashed)
        with transaction.atomic():
            gates.pass_on(deployment.pk)

    def run(self, deployment: Deployment) -> None:
        """It is planned and runs."""
        for status in (Status.QUEUED, Status.RUNNING):
            assert journal.move(deployment.pk, status)

    def fail(self, deployment: Deployment) -> None:
        """It runs, and its restart fails."""
        self.run(deployment)
        self.step(deployment, "restart:web-1", StepStatus.RUNNING)
        self.step(deployment, "restart:web-1", StepStatus.FAILED, "command_failed")
        assert journal.move(deployment.pk, Status.FAILED, "step_failed")

    def step(self, deployment: Deployment, key: str, to: StepStatus, reason: str = "") -> None:
        step = Step.objects.get(deployment=deployment, key=key)
        epoch = Deployment.objects.values_list("epoch", flat=True).get(pk=deployment.pk)
        assert journal.move_step(step.pk, to, reason, epoch=epoch)

    def _has_work(self) -> bool:
        workspace = Workspace.objects.get(pk=self.workspace.pk)
        left = Post.objects.filter(workspace=workspace, is_done=False)
        cards = [(post, Stream("deployment", post.deployment_id or 0)) for post in left if post.ts]
        known = heads([stream for _, stream in cards])
        has_grown = any(known[stream].number > post.number for post, stream in cards)
        has_changed = left.filter(deployment__isnull=True).exists()
        return workspace.is_open and (mirror.news(workspace) or left.filter(ts="").exists() or has_grown or has_changed)

    @property
    def messages(self) -> list[slack_service.Message]:
        return self.slack.in_channel(self.there.id)


@pytest.fixture
def ship(transactional_db: None, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ship]:
    """All that is in hand when the test ends is brought to its end, before the rows are taken away."""
    monkeypatch.setattr(hands, "_threads", None)
    yield Ship(slack)
    if hands._threads is not None:
        hands._threads.shutdown()
