"""The browser for tests: `SHIPROOM_BROWSER`, one on PATH, else Playwright's own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.services import Missing

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HOW = (
    "Set SHIPROOM_BROWSER to a Chromium or Chrome, install one (apt install chromium), "
    "or run `.venv/bin/playwright install chromium`."
)
#: No call home, no GPU, no first-run page; QUIC off because everything is on loopback.
FLAGS = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
)


def _on_this_machine() -> str:
    if given := os.environ.get("SHIPROOM_BROWSER", ""):
        if not shutil.which(given):
            raise Missing(f"SHIPROOM_BROWSER is {given}, which cannot be run.")
        return given
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return str(MACOS) if MACOS.exists() else ""


def program(playwright: Playwright) -> str:
    """The path of the browser."""
    found = _on_this_machine() or playwright.chromium.executable_path
    if not Path(found).exists():
        raise Missing(HOW)
    return found


def describe() -> str:
    return _on_this_machine() or "Playwright's own"


@contextmanager
def running() -> Iterator[Browser]:
    """A headless browser; each test opens its own contexts in it."""
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root.
        flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
        browser = playwright.chromium.launch(executable_path=program(playwright), args=flags)
        try:
            yield browser
        finally:
            browser.close()
