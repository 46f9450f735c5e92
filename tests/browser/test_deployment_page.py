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


def test_a_moment_named_in_the_room_opens_there(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice")
    number = server.newest_deployment()
    query = "SELECT min(at) FROM deploy_core_journalentry WHERE deployment_id = ? AND kind = 'step.moved'"
    second = server.rows(query, number)[0][0][11:19]
    zone = server.rows("SELECT time_zone FROM deploy_core_person WHERE username = 'alice'")[0][0]
    assert zone in ("", "UTC", "Etc/UTC"), zone

    alice.say(f"look at #{number}@{second}")
    alice.timeline.get_by_role("link", name=f"#{number}@{second}").click()

    alice.page.wait_for_url(f"**/deployments/{number}/?at=*")
    expect(alice.page.locator("#deployment")).to_have_class(re.compile("is-past"), timeout=DEADLINE_MS)
    wait_until(lambda: "running" in alice.steps().values() or "pending" in alice.steps().values(), what="the past")


def test_a_log_is_searched_whole_linked_and_folded(server: Shiproom, open_window: OpenWindow) -> None:
    number = server.newest_deployment()
    key = "build"
    code = f"""
from deploy_core.models import Deployment, Step
from deploy_core.ledger.log import LogWriter
step = Step.objects.get(deployment={number}, key="{key}")
with LogWriter(step.pk, step.deployment.epoch) as writer:
    for line in range(4000):
        writer.write("o", f"\x1b[3{{line % 7 + 1}}mline {{line}}\x1b[0m" + (" needle" if line in (50, 3900) else ""))
"""
    server.run_code(code)
    alice = open_window("alice", path=f"/deployments/{number}/#{key}")
    log = alice.page.locator("#log")
    expect(log.locator(f'[data-key="{key}"] .line').last).to_be_visible(timeout=DEADLINE_MS)
    assert log.locator(".line").count() <= 2000

    alice.page.get_by_label("Find in log").fill("needle")

    expect(log.locator("output")).to_have_text("1/2", timeout=DEADLINE_MS)
    expect(log.locator(".line", has_text="line 50 needle")).to_be_in_viewport(timeout=DEADLINE_MS)
    assert log.locator(".line .a-32").count() > 0
    line = log.locator(".line", has_text="line 50 needle")
    line.locator("a").click()
    alice.page.wait_for_url(re.compile(rf"#{key}/L\d+$"))
    other = open_window("bob", path=alice.page.url.removeprefix(server.url))
    expect(other.page.locator("#log .line.is-linked")).to_contain_text("line 50 needle", timeout=DEADLINE_MS)
    log.get_by_role("button", name="Build").click()
    expect(line).to_be_hidden()
    log.get_by_role("tab", name="web-1").click()
    expect(log.get_by_role("button", name="Health check")).to_have_attribute("aria-expanded", "true")
