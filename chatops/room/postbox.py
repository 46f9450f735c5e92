"""Lines of chat on their way to the database: what comes while one group is committed is the next group.

So one line alone is stored at once, and of many at a time a process stores thousands a second.
"""

import asyncio

from chatops.room import acts, pool
from chatops.room.acts import Said
from chatops.room.chat import Outcome
from chatops.room.loops import PerLoop

#: The most lines of one group.
GROUP = 64


class Postbox:
    """The lines that wait on one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Said, asyncio.Future[Outcome]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def post(self, line: Said) -> Outcome:
        """What came of `line`, once it is stored.

        Raises:
            Unfit: `auth`.
            Refused: `not_found`: its author is not in the room.
        """
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, answer))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store())
        return await answer

    async def _store(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            outcomes: list[Outcome | Exception]
            try:
                outcomes = await pool.run(acts.say, [line for line, _ in group])
            except Exception as error:
                outcomes = [error] * len(group)
            for (_, answer), outcome in zip(group, outcomes, strict=True):
                if answer.done():
                    continue  # whoever asked is gone
                if isinstance(outcome, Exception):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)


_postbox: PerLoop[Postbox] = PerLoop(Postbox)


def postbox() -> Postbox:
    """The running loop's postbox."""
    return _postbox.here()
