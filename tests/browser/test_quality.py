"""Every page is for everybody: axe-core, the console, both languages, a narrow screen, forced colours, stillness."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenWindow
from tests.browser.test_page import DATA, LATIN_ONLY
from tests.browser.window import DEADLINE_MS, Window
from tests.services import axe
from tests.services.shiproom import Shiproom

#: `{number}` is a deployment that has failed, `{waiting}` one that waits for a yes.
PAGES = (
    "/rooms/demo/",
    "/rooms/",
    "/rooms/demo/settings/",
    "/deployments/",
    "/deployments/?app=shop&status=failed",
    "/deployments/{number}/",
    "/deployments/{waiting}/",
    "/deployments/{number}/log/health:web-1/",
    "/board/",
    "/wall/",
    "/fleet/servers/",
    "/fleet/servers/web-1/",
    "/fleet/add/servers/",
    "/fleet/apps/",
    "/fleet/apps/shop/",
    "/fleet/add/environment/shop/",
    "/fleet/environments/shop/staging/",
    "/fleet/environments/shop/staging/secrets/",
    "/fleet/groups/",
    "/fleet/credentials/",
    "/fleet/add/credentials/",
    "/fleet/closings/",
    "/fleet/closings/add/window/",
    "/fleet/closings/add/freeze/",
    "/fleet/remove/servers/web-1/",
    "/accounts/",
    "/people/",
    "/audit/",
    "/reviews/",
    "/tokens/",
    "/webhooks/",
    "/slack/",
)
#: Those that look otherwise on a narrow screen, where the rail is away.
NARROW = (
    "/rooms/",
    "/rooms/demo/settings/",
    "/wall/",
    "/board/",
    "/deployments/",
    "/deployments/{number}/",
    "/fleet/servers/",
)
#: Those that the script fills.
LIVE = ("/rooms/demo/", "/deployments/{number}/", "/deployments/{waiting}/")
COMBINATIONS = [("light", "en"), ("dark", "zh-hans")]
if os.environ.get("SHIPROOM_SOAK"):
    COMBINATIONS += [("dark", "en"), ("light", "zh-hans")]

READY = """
from django.utils import timezone
from datetime import time, timedelta
from deploy_core.models import Environment, Grant, Person, Window
from deploy_core.safety import freezes
bob = Person.objects.get(username="bob")
Grant.objects.get_or_create(person=bob, role="manager", app=None, environment="*")
Window.objects.create(environment="qa", days=[4, 5], opens=time(16), closes=time(8), time_zone="Europe/Berlin")
freezes.freeze(None, "qa", by=bob, reason="42", ends=timezone.now() + timedelta(days=3))
Environment.objects.filter(name="staging").update(approvals_needed=1)
"""
UNDO = (
    "from deploy_core.models import Environment; Environment.objects.filter(name='staging').update(approvals_needed=0)"
)

#: What axe-core says is wrong, in a line each.
AXE = """() => axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`))"""
#: What is data (names, addresses, revisions, subjects of the shop's commits), and what every language writes so.
NAME = (
    r"(?:shop|demo|demo-key|demo-password|staging|production|qa|main|broken|alice|bob|carol|grace|deploy|web-\d"
    r"|v?\d[\d.]*)"
)
KEPT = re.compile(
    rf"{DATA.pattern}|Ask the warehouse before claiming health|Shop demo|Ship the shop to staging.*|PORT=\d+"
    rf"|[#\d, ]*(?:apps/)?{NAME}(?:[ ,→–/#]+{NAME})*|\S*[/:.@]\S*|[0-9a-f]{{7,}}(?:\S*)|CSV|JSON|UTC|ED25519|GitHub"
)


@pytest.fixture(scope="module")
def numbers(server: Shiproom) -> Iterator[dict[str, int]]:
    """A deployment that failed and one that waits for a yes, in a fleet with a window and a freeze."""
    server.say("/deploy shop/broken to production")
    failed = server.newest_deployment()
    server.ended(failed)
    server.run_code(READY)
    server.say("/deploy shop to staging", wait=False)
    waiting = server.deployment_after(failed)
    yield {"number": failed, "waiting": waiting}
    server.say(f"/cancel #{waiting}", wait=False)
    server.run_code(UNDO)


def _room_in_all_its_states(bob: Window, *, width: int) -> list[str]:
    """What is wrong with a private answer, the list of completions, the bar of a message, finding, the bell's menu."""
    page = bob.page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{bob.server.url}/rooms/demo/")
    bob.is_connected()
    page.evaluate(axe.script())
    bob.say("for everybody: `code` and #1")
    bob.say("/stauts")
    expect(bob.private_replies.last).to_be_visible(timeout=DEADLINE_MS)
    found = list(page.evaluate(AXE))
    bob.timeline.get_by_text("for everybody").last.hover()
    bob.composer.fill("/deploy shop to")
    bob.composer.press("Space")
    expect(page.get_by_role("option").first).to_be_visible(timeout=DEADLINE_MS)
    found += page.evaluate(AXE)
    bob.composer.fill("")
    page.keyboard.press("Control+k")
    page.locator(".find__field").fill("everybody")
    expect(page.locator(".find__item").first).to_be_visible(timeout=DEADLINE_MS)
    found += page.evaluate(AXE)
    page.keyboard.press("Escape")
    page.locator('[popovertarget="bell"]').click()
    found += page.evaluate(AXE)
    return found


@pytest.mark.parametrize(("theme", "language"), COMBINATIONS)
def test_every_page_is_for_everybody(
    server: Shiproom, browser: Browser, numbers: dict[str, int], theme: Any, language: str
) -> None:
    wrong: dict[str, list[str]] = {}
    source = axe.script()
    options = {"color_scheme": theme, "reduced_motion": "reduce", "viewport": {"width": 1280, "height": 900}}
    with Window.opened(browser, server, "bob", "/deployments/", **options) as bob:
        bob.page.context.add_cookies([{"name": "language", "value": language, "url": server.url}])
        for pattern in PAGES:
            path = pattern.format(**numbers)
            answer = bob.page.goto(f"{server.url}{path}")
            assert answer is not None
            assert answer.status == 200, path
            if pattern in LIVE:
                expect(bob.page.locator(".step, .event").first).to_be_visible(timeout=DEADLINE_MS)
            bob.page.evaluate(source)
            found = list(bob.page.evaluate(AXE))
            if language != "en":
                found += [f"untranslated: {text}" for text in bob.page.evaluate(LATIN_ONLY) if not KEPT.fullmatch(text)]
            bob.page.set_viewport_size({"width": 360, "height": 780})
            if bob.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append("it scrolls sideways at 360 px")
            if pattern in NARROW and theme == "dark":
                found += bob.page.evaluate(AXE)
            if pattern == "/rooms/demo/":
                found += _room_in_all_its_states(bob, width=390 if theme == "dark" else 1440)
            bob.page.set_viewport_size({"width": 1280, "height": 900})
            if found:
                wrong[path] = found
        complaints = bob.complaints()

    assert not wrong, json.dumps(wrong, indent=1, ensure_ascii=False)
    assert complaints == []


def test_the_sign_in_page_is_for_everybody(server: Shiproom, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 780})
    page.goto(f"{server.url}/accounts/sign-in/")

    page.evaluate(axe.script())

    assert page.evaluate(AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


#: Collects layout shifts that no press of a reader's caused.
SHIFTS = """
window.shifts = []
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) {
    const moved = each.sources.map(({ node }) => node?.parentElement?.className || node?.nodeName).slice(0, 3)
    if (!each.hadRecentInput) window.shifts.push([each.value, moved.join(" | ")])
  }
}).observe({ type: "layout-shift", buffered: true })
"""


def test_nothing_moves_while_a_deployment_streams(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice", reduced_motion="reduce")
    alice.page.evaluate(SHIFTS)
    number = alice.deploy("/deploy shop/feature/banner to production")
    expect(alice.card(number)).to_be_visible(timeout=DEADLINE_MS)
    watching = open_window("bob", path=f"/deployments/{number}/", reduced_motion="reduce")
    expect(watching.page.locator(".graph canvas").first).to_be_visible(timeout=DEADLINE_MS)
    alice.page.evaluate("window.shifts.length = 0")
    watching.page.evaluate(SHIFTS.replace("buffered: true", "buffered: false"))

    server.ended(number)

    for window in (alice, watching):
        window.shows(number, "Done") if window is alice else expect(
            window.page.locator("#deployment")
        ).to_have_attribute("data-status", "succeeded", timeout=DEADLINE_MS)
        shifts = window.page.evaluate("window.shifts")
        assert sum(value for value, _ in shifts) < 0.1, shifts


def test_colours_that_the_system_forces_leave_every_state_told(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice", path=f"/deployments/{server.newest_deployment()}/", forced_colors="active")

    row = alice.page.locator(".step").first
    expect(row.locator(".icon").first).to_be_visible(timeout=DEADLINE_MS)
    expect(row.locator(".status")).not_to_be_empty()
    ink = row.locator(".icon").first.evaluate("each => getComputedStyle(each).stroke")
    assert ink != alice.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert alice.page.evaluate("matchMedia('(forced-colors: active)').matches")


def test_with_reduced_motion_nothing_turns(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice", path=f"/deployments/{server.newest_deployment()}/", reduced_motion="reduce")

    running = "document.getAnimations().filter((each) => each.playState === 'running').length"

    assert alice.page.evaluate(running) == 0
