"""Real services for tests: Redis, Postgres, OpenSSH, Chromium, and Shiproom itself.

Each is looked for in the same order: the environment variable (then a failure to connect is an error), a program on
PATH, the wheel of requirements-dev.txt. What is found nowhere is a `Missing` error that says how to get it: never a
silent skip. `pytest` prints in its header what was found.
"""

from collections.abc import Callable


class Missing(RuntimeError):
    """A service that a test needs is not on this machine; the message names the ways to get it."""


def described(name: str, describe: Callable[[], str]) -> str:
    """One line for the header of a test run."""
    try:
        return f"{name}: {describe()}"
    except Missing as missing:
        return f"{name}: MISSING. {missing}"
