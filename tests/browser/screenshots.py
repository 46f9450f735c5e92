"""Pictures of the pages in every state that matters: `python -m tests.browser.screenshots` (or `make screenshots`).

docs/images/room.png is README's; all others go to var/screenshots, to be looked at, in both themes at 1280 and 390 px.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.window import DEADLINE_MS, Window
from tests.services import branches, chromium, shiproom
from tests.services.shiproom import ROOT, Shiproom

README_PICTURE = ROOT / "docs" / "images" / "room.png"
FOLDER = ROOT / "var" / "screenshots"
SIZES = {"1280": {"width": 1280, "height": 800}, "390": {"width": 390, "height": 844}}
#: A branch whose switch takes long enough to be looked at.
SLOW = """
hooks:
  before_switch: [sleep 12]
"""


@dataclass
class Studio:
    """The demo, a browser, and where pictures go."""

    server: Shiproom
    browser: Browser

    def take(self, name: str, show: Callable[[Window], None], *, path: str = "/rooms/demo/") -> None:
        """One picture per theme and width, each in a window of its own."""
        for theme in ("light", "dark"):
            for width, size in SIZES.items():
                with Window.opened(
                    self.browser, self.server, "alice", path, viewport=size, color_scheme=theme, reduced_motion="reduce"
                ) as window:
                    show(window)
                    save(window.page, FOLDER / f"{name}-{width}-{theme}.png")

    def sign_in_page(self) -> None:
        for theme in ("light", "dark"):
            for width, size in SIZES.items():
                page = self.browser.new_page(viewport=size, color_scheme=theme)
                page.goto(f"{self.server.url}/accounts/sign-in/")
                save(page, FOLDER / f"sign-in-{width}-{theme}.png")
                page.close()


def save(page: Page, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")


def add_slow_branch(server: Shiproom) -> None:
    """The branch `feature/checkout`, with a pause before each switch."""

    def change(folder: Path) -> None:
        with (folder / "deploy.yml").open("a") as file:
            file.write(SLOW)

    branches.push(server, "feature/checkout", "Ask for the address first", change, base="feature/banner")


def shows_deployment(number: int) -> Callable[[Window], None]:
    def show(window: Window) -> None:
        window.open_deployment(number)
        if window.page.viewport_size and window.page.viewport_size["width"] > 1000:
            window.page.wait_for_function("window.deployGraph")

    return show


def talk(alice: Window, bob: Window) -> None:
    bob.say("banner is merged, copy is final")
    alice.say("then staging first, the shop has the old prices cached")
    expect(bob.timeline.get_by_text("then staging first")).to_be_visible(timeout=DEADLINE_MS)


def main() -> None:
    with shiproom.running() as server, chromium.running() as browser:
        studio = Studio(server, browser)
        add_slow_branch(server)
        server.ended(1)
        studio.sign_in_page()
        studio.take("room-empty", lambda window: None)
        with (
            Window.opened(browser, server, "alice", reduced_motion="reduce") as alice,
            Window.opened(browser, server, "bob") as bob,
        ):
            talk(alice, bob)
            done = alice.deploy("/deploy shop to staging")
            alice.shows(done, "Done")
            alice.say("/status shop")
            bob.say("looks right on web-2")
            running = alice.deploy("/deploy shop/feature/checkout to staging")
            shows_deployment(running)(alice)
            expect(alice.page.locator('#deployment .step[data-key="switch:web-2"]')).to_have_attribute(
                "data-status", "running", timeout=DEADLINE_MS
            )
            save(alice.page, README_PICTURE)
            studio.take("room-running", shows_deployment(running))
            server.ended(running)
            failed = alice.deploy("/deploy shop/broken to production")
            server.ended(failed)
            alice.say("/deploy shop to stagng")
        studio.take("room-succeeded", shows_deployment(running))
        studio.take("room-failed", shows_deployment(failed))
        studio.take("deployments", lambda window: None, path="/deployments/")
        studio.take("deployment", lambda window: None, path=f"/deployments/{failed}/")


if __name__ == "__main__":
    main()
