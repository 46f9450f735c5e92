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
from tests.waiting import wait_until

README_PICTURE = ROOT / "docs" / "images" / "room.png"
FOLDER = ROOT / "var" / "screenshots"
SIZES = {"1280": {"width": 1280, "height": 800}, "390": {"width": 390, "height": 844}}
#: Servers are switched one after the other, and the second waits for this file.
GATE = "photographed"
WARM_UP = """#!/bin/sh
echo "filling the cache on $SHIPROOM_SERVER"
for page in / /prices /checkout; do echo "GET $page: 200 OK"; done
until [ "$SHIPROOM_SERVER" != web-2 ] || [ -e {gate} ]; do sleep 0.1; done
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
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")


def add_slow_branch(server: Shiproom) -> None:
    """The branch `feature/checkout`, on which web-2 waits for the gate."""

    def change(folder: Path) -> None:
        script = folder / "bin" / "warm-up"
        script.write_text(WARM_UP.format(gate=server.data / GATE))
        script.chmod(0o755)
        with (folder / "deploy.yml").open("a") as file:
            file.write("batches: {size: 1}\nhooks: {before_switch: [bin/warm-up]}\n")

    branches.push(server, "feature/checkout", "Ask for the address first", change, base="feature/banner")


def shows_deployment(number: int) -> Callable[[Window], None]:
    """Its panel is open, with the picture drawn and the log there."""

    def show(window: Window) -> None:
        window.open_deployment(number)
        window.page.evaluate("document.getElementById('scroll').scrollTop = 0")  # Playwright scrolls before it presses
        wait_until(window.graph, what="the picture is drawn")
        expect(window.page.locator("#log .line").first).to_be_visible(timeout=DEADLINE_MS)

    return show


def shows_picture(window: Window) -> None:
    wait_until(window.graph, what="the picture is drawn")


def live_room(server: Shiproom, alice: Window, bob: Window) -> int:
    """People talk, and a deployment runs that is done on one server of three; its number."""
    server.ended(alice.deploy("/deploy shop to staging"))
    bob.say("The banner is merged, and the copy is final.")
    alice.say("Then staging gets it together with the checkout.")
    expect(bob.timeline.get_by_text("together with the checkout")).to_be_visible(timeout=DEADLINE_MS)
    running = alice.deploy("/deploy shop/feature/checkout to staging")
    bob.say("Watching web-2, it was slow last time")
    expect(alice.timeline.get_by_text("Watching web-2")).to_be_visible(timeout=DEADLINE_MS)
    shows_deployment(running)(alice)
    for key, status in {"health:web-1": "succeeded", "switch:web-2": "running", "switch:web-3": "pending"}.items():
        row = alice.page.locator(f'#deployment .step[data-key="{key}"]')
        expect(row).to_have_attribute("data-status", status, timeout=DEADLINE_MS)
    expect(alice.page.locator("#log")).to_contain_text("/checkout: 200", timeout=DEADLINE_MS)
    return running


def main() -> None:
    with shiproom.running() as server, chromium.running() as browser:
        studio = Studio(server, browser)
        add_slow_branch(server)
        server.ended(1)
        assert server.manage("room", "add", "quiet", "--app", "shop", "--member", "alice").returncode == 0
        studio.sign_in_page()
        studio.take("room-empty", lambda window: None, path="/rooms/quiet/")
        with (
            Window.opened(browser, server, "alice", reduced_motion="reduce") as alice,
            Window.opened(browser, server, "bob") as bob,
        ):
            running = live_room(server, alice, bob)
            save(alice.page, README_PICTURE)
            studio.take("room-running", shows_deployment(running))
            (server.data / GATE).touch()
            server.ended(running)
            failed = alice.deploy("/deploy shop/broken to production")
            server.ended(failed)
            alice.say("/deploy shop to stagng")
            expect(alice.private_replies).to_have_count(1, timeout=DEADLINE_MS)
        studio.take("room-succeeded", shows_deployment(running))
        studio.take("room-failed", shows_deployment(failed))
        studio.take("room", lambda window: None)
        studio.take("deployments", lambda window: None, path="/deployments/")
        studio.take("deployment", shows_picture, path=f"/deployments/{failed}/")


if __name__ == "__main__":
    main()
