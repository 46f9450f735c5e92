"""How fast a person may send lines by forms, which no socket counts: as fast as by a page, in each process."""

import threading

from django.conf import settings

from chatops.room.guests import Window

#: Who sent nothing for a while is forgotten when so many are known.
_MOST = 1_000
_windows: dict[int, Window] = {}
_mine = threading.Lock()


def take(person_id: int) -> int:
    """Count one line and return 0; or count nothing and return the milliseconds to wait."""
    with _mine:
        if len(_windows) > _MOST:
            for known in [each for each, window in _windows.items() if window.is_idle]:
                del _windows[known]
        window = _windows.setdefault(person_id, Window(settings.SEND_RATE, settings.SEND_RATE_WINDOW_S))
        return window.take()


def forget() -> None:
    """Count anew."""
    with _mine:
        _windows.clear()
