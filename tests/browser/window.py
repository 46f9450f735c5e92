"""One person's window on the room: what a test does and sees there. The only place that knows the page's markup."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect

from tests.services import line
from tests.services.line import Line
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

DEADLINE_MS = 30_000

#: Notes every change that the page shows, from its first moment: what its CSP refused, and each status of each step.
WATCH = """
window.seen = { refused: [], statuses: {} }
addEventListener("securitypolicyviolation", (event) => {
  window.seen.refused.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)
})
const note = (row) => {
  const statuses = (window.seen.statuses[row.dataset.key] ??= [])
  if (statuses.at(-1) !== row.dataset.status) statuses.push(row.dataset.status)
}
new MutationObserver(() => document.querySelectorAll("#deployment .step[data-key]").forEach(note)).observe(document, {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-status"],
})
"""


class Window:
    """A page in a context of its own (its own cookies), signed in as `person`."""

    def __init__(self, page: Page, wire: Line, server: Shiproom, person: str) -> None:
        self.page = page
        self.wire = wire
        self.server = server
        self.person = person
        self.is_cut = False
        self._console: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._console.append(f"exception: {error}"))

    @classmethod
    @contextmanager
    def opened(
        cls,
        browser: Browser,
        server: Shiproom,
        person: str,
        path: str = "/rooms/demo/",
        *,
        with_clock: bool = False,
        without_sockets: bool = False,
        **options: Any,
    ) -> Iterator["Window"]:
        """A window on `path`, on a line of its own; `options` are those of a browser context.

        `with_clock`: its clock can be put forward by `let_pass`. `without_sockets`: its line lets none through.
        """
        with line.running() as wire:
            wire.lets_sockets_through = not without_sockets
            context = browser.new_context(
                **{"viewport": {"width": 1280, "height": 800}, "proxy": {"server": wire.address}, **options}
            )
            context.set_default_timeout(DEADLINE_MS)
            context.add_init_script(WATCH)
            if with_clock:
                context.clock.install()
            context.add_cookies(
                [{"name": name, "value": value, "url": server.url} for name, value in server.cookies(person).items()]
            )
            window = cls(context.new_page(), wire, server, person)
            window.is_cut = without_sockets
            try:
                window.page.goto(f"{server.url}{path}")
                if path.startswith("/rooms/"):
                    window.is_connected()
                yield window
            finally:
                wire.mend()
                context.close()

    # --- complaints ---------------------------------------------------------------------------------------------

    def _hear(self, message: ConsoleMessage) -> None:
        # Chromium itself prints one line for each failed connection while the test holds the line cut.
        if message.type in ("error", "warning") and not self.is_cut:
            self._console.append(f"{message.type}: {message.text}")

    def complaints(self) -> list[str]:
        """Console errors and warnings, exceptions, and what the content security policy refused."""
        try:
            return [*self._console, *self.page.evaluate("window.seen.refused")]
        except Error as error:
            return [*self._console, str(error)]

    # --- connection ---------------------------------------------------------------------------------------------

    def is_connected(self) -> None:
        expect(self.page.locator('[data-slot="connection"]')).to_have_class(re.compile("is-ok"), timeout=DEADLINE_MS)

    def cut_line(self) -> None:
        """As a closed lid does: nothing goes in or out any more. Waits until the page has noticed the silence."""
        self.is_cut = True
        self.wire.cut()
        expect(self.page.locator('[data-slot="connection"]')).not_to_have_class(
            re.compile("is-ok"), timeout=DEADLINE_MS
        )

    def mend_line(self) -> None:
        self.wire.mend()
        self.is_connected()
        self.is_cut = False

    def let_pass(self, seconds: float) -> None:
        """Put the page's clock forward."""
        self.page.clock.fast_forward(int(seconds * 1000))

    # --- speaking -----------------------------------------------------------------------------------------------

    @property
    def composer(self) -> Locator:
        return self.page.locator("#line")

    def say(self, line: str) -> None:
        """Write a line as people do, and send it by Enter."""
        self.composer.click()
        self.composer.fill(line)
        self.composer.press("Escape")  # closes the completions
        self.composer.press("Enter")

    def deploy(self, line: str) -> int:
        """Send a line that asks for a deployment; returns its number."""
        newest = self.server.newest_deployment()
        self.say(line)
        return self.server.deployment_after(newest)

    # --- what it shows ------------------------------------------------------------------------------------------

    @property
    def timeline(self) -> Locator:
        return self.page.locator("#timeline")

    @property
    def private_replies(self) -> Locator:
        return self.timeline.locator(".private")

    def event_numbers(self) -> list[int]:
        """The numbers of the room's events that the timeline shows, in its order."""
        numbers = self.page.eval_on_selector_all("#timeline [data-q]", "rows => rows.map(row => row.dataset.q)")
        return [int(number) for number in numbers if number]

    def card(self, number: int) -> Locator:
        """The card of a deployment."""
        return self.page.locator(f"#card-{number}")

    def open_deployment(self, number: int) -> None:
        """Show a deployment in the panel, with its list of steps."""
        self.card(number).locator('[data-slot="open"]').click()
        expect(self.page.locator("#deployment .panel__title .card__id")).to_have_text(f"#{number}")
        expect(self.page.locator('#deployment .step[data-key="start"]')).to_be_attached(timeout=DEADLINE_MS)

    def steps(self) -> dict[str, str]:
        """Status of each step in the panel's list, by key; rows that sum up a server are left out."""
        rows = self.page.eval_on_selector_all(
            "#deployment .step[data-key]", "rows => rows.map(row => [row.dataset.key, row.dataset.status])"
        )
        return {key: status for key, status in rows if _is_step(key)}

    def statuses_seen(self) -> dict[str, list[str]]:
        """Every status that each step of the panel has shown, in order."""
        seen: dict[str, list[str]] = self.page.evaluate("window.seen.statuses")
        return {key: statuses for key, statuses in seen.items() if _is_step(key)}

    def graph(self) -> dict[str, str]:
        """Status of each node of the picture, by key; empty while there is no picture."""
        nodes = self.page.evaluate("(window.deployGraph?.keys ?? []).map(key => window.deployGraph.state(key))")
        return {node["key"]: node["status"] for node in nodes if node and node.get("status")}

    def shows(self, number: int, status: str) -> None:
        """Wait until the deployment's card says `status` (its word in English)."""
        expect(self.card(number).locator(".status").first).to_contain_text(status, timeout=DEADLINE_MS)

    def agrees_with_server(self, number: int) -> None:
        """Wait until list and picture are what the server's rows say."""
        truth = self.server.steps(number)
        wait_until(lambda: self.steps() == truth, what=f"{self.person}'s list of #{number} is {truth}")


def _is_step(key: str) -> bool:
    return key != "fleet" and not key.startswith(("server:", "batch:"))
