"""`manage.py say`: the same road from a shell, and what its exit status tells."""

import threading

import pytest
from django.core.management import call_command
from django.utils import timezone

from chatops.room.models import Message
from deploy_core.ledger import journal
from deploy_core.models import Deployment, Executor, Step
from deploy_core.rules.status import Status, StepStatus
from tests import factories
from tests.room.conftest import _in_thread
from tests.waiting import wait_until


@pytest.fixture
def world(transactional_db, settings):
    settings.SAY_POLL_S, settings.NO_ENGINE_S = 0.01, 0.2
    alice = factories.person("alice", role="deployer")
    shop = factories.app("shop")
    factories.environment(shop, "staging", servers=(factories.server("web-1"),))
    return factories.room("demo", members=(alice, factories.person("carol")), apps=(shop,))


def _say(line, *words, person="alice", room="demo"):
    try:
        call_command("say", "--room", room, "--as", person, line, *words)
    except SystemExit as left:
        return left.code
    return 0


def test_chat_is_posted(world):
    assert _say("good morning") == 0
    assert Message.objects.get().text == "good morning"


def test_an_answer_is_printed(world, capsys):
    assert _say("/apps") == 0

    assert "shop" in capsys.readouterr().out


def test_a_deployment_is_accepted_without_waiting(world, capsys):
    assert _say("/deploy shop to staging") == 0

    assert Deployment.objects.get().surface == "shell"
    assert "shop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "person", "room"),
    [
        ("/stauts", "alice", "demo"),
        ("/deploy shop to staging", "carol", "demo"),
        ("hello", "nobody", "demo"),
        ("hello", "alice", "nowhere"),
        ("a\0b", "alice", "demo"),
    ],
)
def test_what_is_refused_exits_with_2_and_says_why(world, capsys, line, person, room):
    assert _say(line, person=person, room=room) == 2

    said = capsys.readouterr()
    assert said.err.strip()
    assert not said.out


def test_a_refusal_ends_in_something_to_type(world, capsys):
    _say("/stauts")

    assert capsys.readouterr().err.splitlines()[-1] == "/status"


def _work(*moves, step=None):
    """An engine of the test's own: it is alive, and moves the first deployment it sees."""

    def work():
        Executor.objects.create(name="test", seen=timezone.now(), started=timezone.now())
        number = wait_until(lambda: Deployment.objects.values_list("pk", flat=True).first())
        if step:
            build = Step.objects.get(deployment=number, key="build")
            journal.move_step(build.pk, StepStatus.RUNNING, epoch=0)
            journal.move_step(build.pk, step, "build_failed", epoch=0, params={"tail": ["boom"]})
        for status, reason in moves:
            journal.move(number, status, reason, params={"command": "make", "exit_status": 2})

    thread = threading.Thread(target=_in_thread, args=(work,))
    thread.start()
    return thread


def test_waiting_for_a_success_exits_with_0(world, capsys):
    engine = _work((Status.QUEUED, ""), (Status.RUNNING, ""), (Status.SUCCEEDED, ""))

    assert _say("/deploy shop to staging", "--wait") == 0

    engine.join()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines if line.startswith("#") and line.endswith(".")][-1] == "done."


def test_waiting_for_a_failure_exits_with_1_and_says_why(world, capsys):
    engine = _work((Status.QUEUED, ""), (Status.RUNNING, ""), (Status.FAILED, "build_failed"), step=StepStatus.FAILED)

    assert _say("/deploy shop to staging", "--wait") == 1

    engine.join()
    said = capsys.readouterr().out
    assert "build: failed" in said
    assert "| boom" in said
    assert "make ended with exit status 2" in said.splitlines()[-1]


def test_waiting_for_a_person_exits_with_4(world):
    engine = _work((Status.AWAITING_APPROVAL, ""))

    assert _say("/deploy shop to staging", "--wait") == 4

    engine.join()


def test_waiting_without_an_engine_exits_with_3(world, capsys):
    assert _say("/deploy shop to staging", "--wait") == 3

    assert "No engine was alive" in capsys.readouterr().err


def test_waiting_for_what_is_no_deployment_is_not_waiting(world):
    assert _say("/apps", "--wait") == 0
