"""Which runs this process has in hand, and whether there is room for another one."""

import threading


class Slots:
    """At most `most` runs of each queue, and one of each environment. From any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._runs: dict[str, tuple[str, int | None]] = {}
        self._guard = threading.Lock()

    def take(self, name: str, queue: str, environment_id: int) -> bool:
        """Whether there is room for this run; it is in hand then."""
        with self._guard:
            environments = [environment for of, environment in self._runs.values() if of == queue]
            if len(environments) >= self._most or environment_id in environments:
                return False
            self._runs[name] = (queue, environment_id)
            return True

    def note(self, name: str, queue: str) -> None:
        """A run is in hand, whoever began it."""
        with self._guard:
            self._runs.setdefault(name, (queue, None))

    def free(self, name: str) -> None:
        """A run has ended."""
        with self._guard:
            self._runs.pop(name, None)
