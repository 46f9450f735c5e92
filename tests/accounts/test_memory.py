"""The memory that all processes share: what was added once is there for all, until its time is over."""

import threading

import pytest
from django.core.cache import cache, caches
from django.db import connection

from chatops.accounts.memory import SharedMemory
from chatops.accounts.models import Remembered


@pytest.mark.django_db
def test_what_one_process_added_another_cannot_add():
    here, there = SharedMemory("", {}), SharedMemory("", {})

    assert here.add("code 123456", "y", timeout=60)
    assert not there.add("code 123456", "y", timeout=60)
    assert there.get("code 123456") == "y"
    assert there.add("code 654321", "y", timeout=60)


@pytest.mark.django_db
def test_it_forgets_when_the_time_is_over_and_when_told():
    cache.set("over", [1.5], timeout=-1)
    cache.set("kept", [1.5, 2.5], timeout=60)

    assert (cache.get("over", "nothing"), cache.get("kept")) == ("nothing", [1.5, 2.5])
    assert cache.add("over", 1, timeout=60)
    assert cache.touch("kept", -1)
    assert cache.get("kept") is None
    assert cache.delete("over")
    assert not cache.delete("over")
    cache.set("for ever", 1, timeout=None)
    assert cache.get("for ever") == 1
    cache.clear()
    assert not Remembered.objects.exists()


@pytest.mark.django_db
def test_no_code_stands_in_the_table_and_nothing_that_runs():
    cache.set("user=1&code=123456" * 50, True, timeout=60)

    assert [(len(each.key), each.value) for each in Remembered.objects.all()] == [(64, "true")]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_adds():
    barrier, got = threading.Barrier(6), []

    def add() -> None:
        barrier.wait()
        got.append(caches["default"].add("code", "y", timeout=60))
        connection.close()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == [False] * 5 + [True]
