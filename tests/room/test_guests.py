"""Limits of what one person may do, and finding a loop's own things from a thread."""

import asyncio

from chatops.room import guests
from chatops.room.guests import Window
from chatops.room.loops import PerLoop


def test_a_window_opens_again_when_its_oldest_act_has_passed(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(guests.time, "monotonic", lambda: now[0])
    window = Window(2, 5.0)

    assert [window.take() for _ in range(3)] == [0, 0, 5001]
    now[0] += 4
    assert window.take() == 1001
    now[0] += 1.5
    assert window.take() == 0
    assert not window.is_idle
    now[0] += 6
    assert window.is_idle


async def test_each_loop_has_its_own(tmp_path):
    made = PerLoop(list)
    made.here().append("here")

    async def elsewhere():
        made.here().append("there")
        return list(made.here())

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == ["there"]
    assert made.here() == ["here"]
    assert [things for _, things in made.everywhere()] == [["here"]]  # the other loop is closed


async def test_a_thread_reaches_what_belongs_to_a_loop():
    made = PerLoop(list)
    mine = made.here()
    told = asyncio.Event()

    def act(things):
        things.append("told")
        told.set()

    assert await asyncio.to_thread(made.tell, act)
    await asyncio.wait_for(told.wait(), 20)

    assert mine == ["told"]


def test_without_a_loop_nobody_is_told():
    assert PerLoop(list).tell(list.clear) is False
