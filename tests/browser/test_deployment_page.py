"""The page of one deployment in a real browser: people agree or not, the page lives, and goes back to any moment."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS, Window
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

APPROVALS = (
    "from deploy_core.models import Environment; Environment.objects.filter(name='staging').update(approvals_needed={})"
)


@pytest.fixture
def asked(server: Shiproom) -> Iterator[int]:
    """A deployment of alice's to staging that waits for somebody's yes."""
    server.run_code(APPROVALS.format(1))
    server.say("/deploy shop to staging", wait=False)
    number = server.newest_deployment()
    query = "SELECT 1 FROM deploy_core_deployment WHERE id = ? AND status = 'awaiting_approval'"
    wait_until(lambda: server.rows(query, number), what=f"#{number} waits for a yes")
    yield number
    server.run_code(APPROVALS.format(0))


def test_one_asks_another_approves_by_a_button_and_both_pages_go_on(
    server: Shiproom, open_window: OpenWindow, asked: int
) -> None:
    alice = open_window("alice", path=f"/deployments/{asked}/")
    bob = open_window("bob", path=f"/deployments/{asked}/")
    expect(alice.page.get_by_role("button", name="Approve")).to_be_disabled()

    bob.page.get_by_role("button", name="Approve").click()

    assert server.ended(asked) == ("succeeded", "")
    for window in (alice, bob):
        consent = window.page.locator('[data-slot="consent"]')
        expect(consent).to_contain_text("bob approved", timeout=DEADLINE_MS)
        expect(consent).not_to_contain_text("must agree")
        expect(window.page.locator("#deployment")).to_have_attribute("data-status", "succeeded", timeout=DEADLINE_MS)
        window.agrees_with_server(asked)
        expect(window.page.locator('[data-server="web-3"] [data-slot="state"]')).to_have_text("Done")
        expect(window.page.locator('[data-move="approve"]')).to_be_hidden()
        expect(window.page.locator('[data-move="rollback"]')).to_be_visible()


def test_who_rejects_says_why_and_the_others_read_it(server: Shiproom, open_window: OpenWindow, asked: int) -> None:
    alice = open_window("alice", path=f"/deployments/{asked}/")
    bob = open_window("bob", path=f"/deployments/{asked}/")

    bob.page.get_by_text("Reject…").click()
    bob.page.get_by_label("Why").fill("not on a Friday")
    bob.page.get_by_role("button", name=f"Reject #{asked}").click()

    assert server.ended(asked) == ("rejected", "rejected_by")
    for window in (alice, bob):
        expect(window.page.locator('[data-slot="consent"]')).to_contain_text("bob rejected", timeout=DEADLINE_MS)
        expect(window.page.locator('[data-slot="lede"]')).to_contain_text("not on a Friday", timeout=DEADLINE_MS)


def test_without_script_the_page_is_whole_and_its_buttons_work(server: Shiproom, browser: Browser, asked: int) -> None:
    with Window.opened(browser, server, "bob", f"/deployments/{asked}/", java_script_enabled=False) as bob:
        page = bob.page
        expect(page.locator('[data-server="web-2"]')).to_be_visible()
        expect(page.locator('.step[data-key="switch:web-2"]')).to_be_visible()

        page.get_by_role("button", name="Approve").click()

        expect(page.locator(".answered")).to_contain_text("is approved and goes on")
        server.ended(asked)
        page.goto(f"{server.url}/deployments/{asked}/")
        expect(page.locator("#deployment")).to_have_attribute("data-status", "succeeded")
        expect(page.locator('[data-slot="consent"]')).to_contain_text("bob approved")
        page.locator('.replay__keys a:has-text("Fetch")').click()
        expect(page.locator("#deployment")).not_to_have_attribute("data-status", "succeeded")
        expect(page.locator('.step[data-key="switch:web-2"]')).to_have_attribute("data-status", "pending")


def test_the_slider_takes_the_page_to_any_second_and_back(server: Shiproom, open_window: OpenWindow) -> None:
    done = server.say("/deploy shop/broken to production")
    number = server.newest_deployment()
    assert server.ended(number)[0] == "rolled_back", done.stdout
    truth = server.steps(number)
    alice = open_window("alice", path=f"/deployments/{number}/")
    alice.agrees_with_server(number)
    slider = alice.page.get_by_label("Moment of the run")

    for value, expected in ((0, "pending"), (int(slider.get_attribute("max") or 0), truth["switch:web-1"])):
        slider.fill(str(value))
        wait_until(lambda e=expected: alice.steps()["switch:web-1"] == e, what=f"the switch is {expected} at {value}")
    alice.agrees_with_server(number)

    alice.page.locator(".replay__keys a", has_text="Failed").first.click()
    wait_until(lambda: alice.steps().get("health:web-1") == "failed", what="the moment of the failure")
    expect(alice.page.locator("#deployment")).to_have_class(re.compile("is-past"))
    address = alice.page.locator('[data-slot="moment-link"]').get_attribute("href") or ""
    other = open_window("bob", path=f"/deployments/{number}/{address}")
    wait_until(lambda: other.steps() == alice.steps(), what="the link opens the same moment")
    alice.page.get_by_role("button", name="Back to now").click()
    alice.agrees_with_server(number)
    expect(alice.page.locator("#deployment")).not_to_have_class(re.compile("is-past"))
