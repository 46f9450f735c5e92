"""What Slack was told is worked on is not lost with the process that said so, and not done twice."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from chatops.room.models import Line, Message
from chatops.slack import answers, deliveries, hands, hearing, listeners, opting, strays
from chatops.slack.asks import Ask
from chatops.slack.models import Delivery, Identity, Post, Workspace
from deploy_core import deployments, sealing
from deploy_core.models import Deployment
from tests import factories
from tests.waiting import wait_until

DEPLOY = "shop/main to staging"


class Dies:
    """Work of a process that ends before the answer is there: before it is begun, or after it was done."""

    does_work = False

    def __init__(self, work):
        if self.does_work:
            work()

    def within(self, budget_s):
        return None

    def then(self, late):
        """Nobody is left to hear of it."""


@pytest.fixture(params=[False, True], ids=["before it ran", "after it ran"])
def dead(request, monkeypatch):
    """The process that answers Slack dies on everything it says it works on."""
    with monkeypatch.context() as patched:
        patched.setattr(Dies, "does_work", request.param)
        patched.setattr(listeners.hands, "Job", Dies)
        yield request.param


@pytest.fixture
def take_over(monkeypatch, settings):
    """Another process looks for what was left."""

    def taken():
        settings.SLACK_STRAY_S = 0.0
        strays.pick_up()

    return taken


def _texts(ship):
    return [told["text"] for told in ship.slack.hooked]


def test_a_command_whose_process_died_is_run_once_and_answered_once(ship, dead, take_over):
    sent = ship.user().command(DEPLOY)
    before = (sent.told["text"], Line.objects.count())
    take_over()
    take_over()

    number = Deployment.objects.get().pk
    assert before == ("On it …", int(dead))
    assert [f"#{number} deploys" in text for text in _texts(ship)] == [True]
    assert not Delivery.objects.exclude(sealed="").exists()


def test_the_same_request_again_gets_the_answer_that_was_given(ship, monkeypatch, take_over):
    with monkeypatch.context() as patched:
        patched.setattr(listeners.hands, "Job", Dies)
        sent = ship.user().command(DEPLOY)
    take_over()

    again = ship.mail.again(sent)

    assert again.told["text"] == _texts(ship)[0]
    assert Deployment.objects.count() == 1


def test_one_that_is_too_old_is_not_run_and_said_so_but_one_that_ran_is_answered(ship, dead, take_over):
    ship.user().command(DEPLOY)
    Delivery.objects.update(at=timezone.now() - timedelta(seconds=60))

    take_over()

    assert Deployment.objects.count() == int(dead)
    assert ["too late" in text for text in _texts(ship)] == [not dead]


@pytest.mark.parametrize("line", ["unlink", "room none"])
def test_nor_is_what_is_about_slack_itself(ship, monkeypatch, take_over, line):
    with monkeypatch.context() as patched:
        patched.setattr(listeners.hands, "Job", Dies)
        ship.user().command(line)
    Delivery.objects.update(at=timezone.now() - timedelta(seconds=60))

    take_over()

    assert "too late" in _texts(ship)[0]
    assert Identity.objects.filter(user="UALICE").exists()
    assert ship.workspace.channels.exists()


def test_a_mention_is_answered_below_itself(ship, dead, take_over):
    ship.user().mention(DEPLOY)

    take_over()

    assert "deploys shop" in Post.objects.get(whisper_to="UALICE").payload["text"]
    assert Deployment.objects.count() == 1


def test_a_press_that_only_one_may_make_is_still_its_pressers(ship, dead, take_over):
    failed = deployments.request(ship.shop, "main", ship.staging, by=ship.alice, surface="web")
    ship.fail(failed)
    value = f"{failed.pk}:3"
    ship.user().press("1.0", "deploy.retry", value)
    claim = Delivery.objects.filter(by="").get()
    if not dead:  # it died right after it had claimed the press
        Delivery.objects.create(key=deliveries.key_of(f"press:retry:{value}"), at=timezone.now(), by=claim.key)

    take_over()

    assert Deployment.objects.exclude(pk=failed.pk).count() == 1
    assert not ["already" in text for text in _texts(ship) if "already" in text]


def test_what_somebody_said_is_shown_once_and_nobody_is_answered(ship, dead, take_over):
    opting.begin(ship.channel, by=ship.alice, is_private=False, is_wide=False)
    ship.user("UBOB").say("hello")

    take_over()

    assert [message.text for message in Message.objects.filter(kind="chat")] == ["hello"]
    assert not Post.objects.filter(whisper_to="UBOB").exists()
    assert not Delivery.objects.exclude(sealed="").exists()


def test_what_fails_again_is_told_its_author_and_kept_no_longer(ship, monkeypatch, take_over):
    opting.begin(ship.channel, by=ship.alice, is_private=False, is_wide=False)
    monkeypatch.setattr(hearing, "_store", lambda *_: 1 / 0)
    monkeypatch.setattr(hands.Job, "within", lambda *_: None)
    ship.user("UBOB").say("hello")
    kept = Delivery.objects.exclude(sealed="").count()

    take_over()

    assert kept == 1
    assert Post.objects.get(whisper_to="UBOB").payload["text"]
    assert not Delivery.objects.exclude(sealed="").exists()


class Died(BaseException):
    """What ends a process; nothing is cleaned up behind it."""


@pytest.mark.parametrize("is_kept", [None, "before", "after"])
def test_a_press_that_died_with_its_process_is_soon_anothers_unless_it_is_kept(ship, monkeypatch, is_kept):
    first, second = (Ask("press", key, "T1", "UALICE", text="retry", began=time.monotonic()) for key in "ab")
    if is_kept == "before":
        deliveries.keep(first, ship.workspace)
    claim = Delivery.objects.filter(key=deliveries.key_of("press"))

    def dies():
        if is_kept == "after":
            deliveries.keep(first, ship.workspace)
        left.append(claim.get())
        raise Died

    left: list[Delivery] = []
    with pytest.raises(Died):
        deliveries.claimed("press", first, dies)
    Delivery.objects.bulk_create(left)
    later = timezone.now() + timedelta(seconds=deliveries.LOOSE_CLAIM_S + 2)
    monkeypatch.setattr(timezone, "now", lambda: later)

    if is_kept:
        with pytest.raises(answers.Turned):
            deliveries.claimed("press", second, answers.Answer)
    else:
        assert deliveries.claimed("press", second, answers.Answer) == answers.Answer()


def test_what_is_kept_shows_nobody_what_was_typed_and_where_we_may_answer(ship, monkeypatch):
    monkeypatch.setattr(listeners.hands, "Job", Dies)

    ship.user().command("announce words-of-a-person")

    kept = str(list(Delivery.objects.values()))
    assert "words-of-a-person" not in kept
    assert ship.slack.hooks_url not in kept
    assert Delivery.objects.get().sealed


def test_one_process_takes_it(ship, monkeypatch, settings):
    monkeypatch.setattr(listeners.hands, "Job", Dies)
    ship.user().command("status")
    settings.SLACK_STRAY_S = 0.0
    found = deliveries.strays()
    next(found)
    settings.SLACK_STRAY_S = 60.0

    assert list(deliveries.strays()) == []


@pytest.mark.parametrize("why", ["the app is gone", "the key is another one", "another version kept it"])
def test_what_cannot_be_answered_any_more_is_dropped(ship, monkeypatch, take_over, why):
    monkeypatch.setattr(listeners.hands, "Job", Dies)
    ship.user().command(DEPLOY)
    if why == "the app is gone":
        Workspace.objects.update(removed=timezone.now())
    elif why == "the key is another one":
        Delivery.objects.update(sealed="v1.another.AAAA.AAAA")
    else:
        kept = Delivery.objects.get()
        told = json.dumps({"workspace": ship.workspace.pk, "ask": {"kind": "command", "words": DEPLOY}}).encode()
        kept.sealed = sealing.seal(told, about=f"slack:request:{kept.key}")
        kept.save()

    take_over()

    assert not Delivery.objects.exists()
    assert not Deployment.objects.exists()


def test_an_answer_that_is_late_ends_what_is_kept(ship, monkeypatch):
    monkeypatch.setattr(hands.Job, "within", lambda *_: None)

    sent = ship.user().command(DEPLOY)
    wait_until(lambda: Delivery.objects.filter(taken__isnull=True).exists())

    assert sent.told["text"] == "On it …"
    assert "deploys shop" in _texts(ship)[0]
    assert Delivery.objects.get().sealed == ""


def test_where_slacks_own_address_for_it_is_of_no_use_the_person_is_told_by_a_message(ship, monkeypatch):
    monkeypatch.setattr(hands.Job, "within", lambda *_: None)

    ship.user().command(DEPLOY, response_url="http://127.0.0.1:6379/")
    wait_until(lambda: Post.objects.filter(whisper_to="UALICE").exists())

    assert "deploys shop" in Post.objects.get(whisper_to="UALICE").payload["text"]


def test_what_cannot_be_told_now_is_told_later_and_keeps_nothing_else_waiting(ship, monkeypatch, take_over):
    with monkeypatch.context() as patched:
        patched.setattr(listeners.hands, "Job", Dies)
        for _ in range(2):
            ship.user().command("status")
    give = answers.give

    def gives(ask, workspace, answer):
        monkeypatch.setattr(answers, "give", give)
        raise ZeroDivisionError

    monkeypatch.setattr(answers, "give", gives)

    take_over()
    once = len(ship.slack.hooked)
    take_over()

    assert (once, len(ship.slack.hooked)) == (1, 2)


def test_a_bare_command_that_takes_long_opens_its_form_and_says_nothing_more(ship, monkeypatch):
    monkeypatch.setattr(hands.Job, "within", lambda *_: None)

    sent = ship.user().command("")
    wait_until(lambda: ship.slack.forms and Delivery.objects.filter(taken__isnull=True).exists())

    assert (sent.status, sent.answer, ship.slack.hooked) == (200, b"", [])


def test_a_form_that_is_refused_too_late_to_stay_open_is_not_refused_in_silence(ship, monkeypatch):
    ship.user().command("")
    (form,) = wait_until(lambda: ship.slack.forms)
    factories.environment(ship.shop, "vault")
    monkeypatch.setattr(hands.Job, "within", lambda *_: None)

    sent = ship.user().submit(form, {"app": "shop", "environment": "vault", "ref": "main"})
    wait_until(lambda: Post.objects.filter(whisper_to="UALICE").exists())

    assert (sent.status, sent.answer) == (200, b"")
    assert "no servers" in Post.objects.get(whisper_to="UALICE").payload["text"]
