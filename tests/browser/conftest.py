"""A running demo and a browser for the tests of this folder, ended when the folder is left.

Not for the whole session: Playwright's synchronous interface keeps an event loop in this thread, which
pytest-asyncio's tests and Django's database code would meet.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from tests.browser.window import Window
from tests.services import chromium, shiproom
from tests.services.shiproom import Shiproom

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="package")
def server() -> Iterator[Shiproom]:
    """A demo with three servers, whose pages notice silence after seconds; its board hears by the rooms alone."""
    with shiproom.running(SHIPROOM_HEARTBEAT_S="1", SHIPROOM_WALL_S="0.5", SHIPROOM_BOARD_S="600") as room:
        assert room.ended(1) == ("succeeded", "")  # the demo's own deployment to production
        yield room


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium.running() as running:
        yield running


@pytest.fixture
def open_window(server: Shiproom, browser: Browser, request: pytest.FixtureRequest) -> Iterator[OpenWindow]:
    """Opens a person's window on the room, each with cookies of its own; at the end none may have a complaint."""
    with ExitStack() as windows:
        opened: list[Window] = []

        def open_(person: str, **context: object) -> Window:
            window = windows.enter_context(Window.opened(browser, server, person, **context))
            opened.append(window)
            return window

        yield open_

        complaints = {w.person: w.complaints() for w in opened if w.complaints()}
        assert not complaints, complaints


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A browser test that fails shows the server's log beside the traceback."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server is not None:
        report.sections.append(("the server's log", server.tail()))
    return report
