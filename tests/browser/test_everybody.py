"""What the pages owe to everybody: axe-core finds nothing on them, in both themes and languages, wide and narrow."""

import importlib.resources

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS, Window
from tests.services.shiproom import Shiproom

PAGES = ("/rooms/", "/rooms/demo/settings/", "/wall/", "/board/", "/deployments/", "/deployments/1/", "/fleet/servers/")
AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")


def _complaints(page: Page) -> list[str]:
    """What axe-core has against the page, each with the first element it means."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{page.url}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def _room_in_all_its_states(alice: Window) -> list[str]:
    """The room with a private answer, the list of completions, the bar of a message, finding, and the bell's menu."""
    page = alice.page
    alice.say("for everybody: `code` and #1")
    alice.say("/stauts")
    expect(alice.private_replies.last).to_be_visible(timeout=DEADLINE_MS)
    found = _complaints(page)
    alice.timeline.get_by_text("for everybody").last.hover()
    alice.composer.fill("/deploy shop to")
    alice.composer.press("Space")
    expect(page.get_by_role("option").first).to_be_visible(timeout=DEADLINE_MS)
    found += _complaints(page)
    alice.composer.fill("")
    page.keyboard.press("Control+k")
    page.locator(".find__field").fill("everybody")
    expect(page.locator(".find__item").first).to_be_visible(timeout=DEADLINE_MS)
    found += _complaints(page)
    page.keyboard.press("Escape")
    page.locator('[popovertarget="bell"]').click()
    return found + _complaints(page)


@pytest.mark.parametrize(("scheme", "width", "language"), [("light", 1440, "en"), ("dark", 390, "zh-hans")])
def test_axe_finds_nothing(server: Shiproom, open_window: OpenWindow, scheme: str, width: int, language: str) -> None:
    alice = open_window("alice", color_scheme=scheme, viewport={"width": width, "height": 900}, locale=language)
    alice.page.context.add_cookies([{"name": "language", "value": language, "url": server.url}])
    alice.page.reload()
    alice.is_connected()

    found = _room_in_all_its_states(alice)
    for path in PAGES:
        alice.page.goto(f"{server.url}{path}")
        found += _complaints(alice.page)

    assert found == []
