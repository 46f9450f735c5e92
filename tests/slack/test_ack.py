"""Slack is answered in time, however long the work takes; what it was told has failed does not happen after all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatops.room import messages
from chatops.room.models import Line
from chatops.slack import desk, listeners
from chatops.slack.asks import Ask
from chatops.slack.models import Delivery, Post
from deploy_core.models import Deployment
from tests.waiting import wait_until

COMMANDS = 30


@pytest.fixture
def blocked_core(monkeypatch):
    """Nothing that is typed comes to an end before this is set."""
    release = threading.Event()

    def post(**line):
        release.wait(30)
        return messages.post(**line)

    monkeypatch.setattr(desk, "messages", type("Blocked", (), {"post": staticmethod(post)}))
    yield release
    release.set()


def _parallel(commands):
    from django.db import connection

    def one(command):
        try:
            return command()
        finally:
            connection.close()

    with ThreadPoolExecutor(COMMANDS) as pool:
        return list(pool.map(one, commands))


def test_30_commands_at_once_are_acknowledged_while_the_core_stands_still_and_all_run_later(
    ship, settings, blocked_core
):
    settings.SLACK_ACK_S, settings.COMMAND_TTL_S = 0.05, 60

    sent = _parallel([lambda: ship.user().command("shop/main to staging") for _ in range(COMMANDS)])
    before = Deployment.objects.count()
    blocked_core.set()
    wait_until(lambda: len(ship.slack.hooked) == COMMANDS)

    assert {each.status for each in sent} == {200}
    assert {each.told["text"] for each in sent} == {"On it …"}
    assert (before, Deployment.objects.count()) == (0, COMMANDS)
    assert len({told["text"] for told in ship.slack.hooked}) == COMMANDS


def test_the_same_command_many_times_at_once_is_one_deployment(ship):
    first = ship.user().command("shop/main to staging", trigger_id="one")

    sent = _parallel([lambda: ship.mail.again(first) for _ in range(8)])

    assert {each.told["text"] for each in sent} == {first.told["text"]}
    assert Deployment.objects.count() == 1


def test_a_request_that_we_came_to_too_late_is_not_run(ship, settings):
    settings.SLACK_LATE_S = -1.0

    command = ship.user().command("shop/main to staging")
    press = ship.user().press("1.0", "say.0", f"{ship.room.pk}:/deploy shop/main to staging")
    mention = ship.user().mention("shop/main to staging")
    wait_until(lambda: Delivery.objects.count() == 3)
    settings.SLACK_LATE_S = 60.0
    again = ship.mail.again(mention)  # as Slack does where the acknowledgement came too late

    assert [each.status for each in (command, press, mention, again)] == [200] * 4
    told = [command.told["text"], *(each["text"] for each in ship.slack.hooked), Post.objects.get().payload["text"]]
    assert ["too late" in text for text in told] == [True] * 4
    assert not Line.objects.exists()


def test_what_waited_in_line_for_long_is_not_run_any_more(ship, settings):
    settings.COMMAND_TTL_S = 0.0

    sent = ship.user().command("shop/main to staging")

    assert "too late" in sent.told["text"]
    assert not Line.objects.exists()


def test_a_fault_of_ours_is_said_and_not_a_status_of_500(ship, monkeypatch, caplog):
    monkeypatch.setattr(desk, "sit", lambda *_: 1 / 0)

    sent = ship.user().command("shop/main to staging")

    assert (sent.status, "fault of ours" in sent.told["text"]) == (200, True)
    assert "ZeroDivisionError" in caplog.text


def test_the_clock_of_the_server_counts_from_the_first_byte():
    began = time.monotonic() - 60

    assert listeners._is_late(Ask("command", "k", "T1", "U1", began=began))
    assert not listeners._is_late(Ask("command", "k", "T1", "U1", began=time.monotonic()))
