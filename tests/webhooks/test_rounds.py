"""The thread that goes round: again and again, sooner when woken, and also after a round that failed."""

import threading

import pytest

from chatops import rounds
from chatops.rounds import Rounds
from tests.waiting import wait_until


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(rounds, "REST_S", 0.0)
    monkeypatch.setattr(rounds, "PAUSE_S", 0.0)


@pytest.fixture
def go_round():
    """`go_round(work)`: Rounds that have begun, and are ended with the test."""
    begun = []

    def begin(work, forget=lambda: None):
        made = Rounds("a test", lambda: work, forget)
        begun.append(made)
        made.begin()
        return made

    yield begin
    for each in begun:
        each.end()


def test_a_round_comes_again_when_it_asks_for_it_and_what_is_old_is_forgotten_at_the_beginning(quick, go_round):
    done, forgotten = [], []

    def work():
        done.append(threading.current_thread().name)
        return 0.0

    go_round(work, lambda: forgotten.append(len(done)))

    wait_until(lambda: len(done) > 3)
    assert (set(done), forgotten) == ({"a test"}, [1])


def long_after(done):
    """A round that is noted in `done`, with the next one far off."""

    def work():
        done.append(1)
        return 600.0

    return work


def test_one_that_waits_long_is_woken(quick, go_round):
    done = []
    each = go_round(long_after(done))
    wait_until(lambda: done)
    each.wake()

    wait_until(lambda: len(done) > 1)


def test_one_that_fails_is_logged_and_the_next_comes(quick, go_round, caplog):
    done = []

    def work():
        done.append(1)
        if len(done) == 1:
            raise ZeroDivisionError
        return 600.0

    go_round(work)

    wait_until(lambda: len(done) > 1)
    assert "a round of a test failed" in caplog.text


def test_after_its_end_there_is_none_and_it_can_begin_again(quick, go_round):
    done = []
    each = go_round(long_after(done))
    wait_until(lambda: done)
    each.end()
    threads = [thread.name for thread in threading.enumerate()]
    each.begin()
    each.begin()

    wait_until(lambda: len(done) > 1)
    assert "a test" not in threads
    assert [thread.name for thread in threading.enumerate()].count("a test") == 1
