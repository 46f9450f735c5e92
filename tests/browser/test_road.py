"""The whole road in a real browser: two people in one room, one of them types, both watch, three servers change."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS, Window
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

NEW, OLD = "1.3.0-banner", "1.2.0"


def same_everywhere(version: str) -> dict[str, str]:
    return dict.fromkeys(("web-1", "web-2", "web-3"), version)


def follow(number: int, *windows: Window) -> None:
    for window in windows:
        window.open_deployment(number)


def test_one_types_deploy_both_see_every_node_turn_and_the_servers_change(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    first = alice.deploy("/deploy shop to staging")
    assert server.ended(first) == ("succeeded", "")
    assert server.versions("staging") == same_everywhere(OLD)

    second = alice.deploy("/deploy shop/feature/banner to staging")
    follow(second, alice, bob)

    for window in (alice, bob):
        window.shows(second, "Done")
        window.agrees_with_server(second)
        seen = window.statuses_seen()
        assert {statuses[-1] for statuses in seen.values()} <= {"succeeded", "skipped"}
        assert any(statuses[0] == "pending" and "running" in statuses for statuses in seen.values()), seen
        wait_until(
            lambda w=window: w.graph() and set(w.graph().values()) <= {"succeeded", "skipped"},
            what="every node of the picture is done",
        )
    assert server.versions("staging") == same_everywhere(NEW)

    back = alice.deploy("/rollback shop in staging")

    for window in (alice, bob):
        window.shows(back, "Done")
    assert server.versions("staging") == same_everywhere(OLD)


def test_a_failed_health_check_is_red_says_why_and_leaves_the_old_release(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    before = server.versions("production")
    assert len(set(before.values())) == 1
    assert "" not in before.values()

    number = alice.deploy("/deploy shop/broken to production")
    follow(number, alice, bob)

    status, reason = server.ended(number)
    assert (status, bool(reason)) == ("rolled_back", True)
    for window in (alice, bob):
        window.shows(number, "Rolled back")
        window.agrees_with_server(number)
        health = {key: status for key, status in window.steps().items() if key.startswith("health:")}
        assert "failed" in health.values() or "timed_out" in health.values()
        wait_until(
            lambda w=window: {"failed", "timed_out"} & set(w.graph().values()),
            what="a health node of the picture is red",
        )
        expect(window.card(number).locator('[data-slot="what"]')).to_contain_text("503", timeout=DEADLINE_MS)
    assert server.versions("production") == before


def test_a_mistyped_environment_is_answered_to_its_author_alone(server: Shiproom, open_window: OpenWindow) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    newest, replies = server.newest_deployment(), alice.private_replies.count()
    shown, others = bob.event_numbers(), bob.private_replies.count()

    alice.say("/deploy shop to stagng")

    expect(alice.private_replies).to_have_count(replies + 1, timeout=DEADLINE_MS)
    reply = alice.private_replies.last
    expect(reply).to_contain_text("stagng")
    expect(reply).to_contain_text("/deploy shop to stagng")  # what was typed is not lost
    expect(reply.get_by_role("button", name="/deploy shop to staging")).to_be_visible()
    bob.say("seen nothing")
    wait_until(lambda: len(bob.event_numbers()) > len(shown), what="bob's line is in the room")
    assert len(bob.event_numbers()) == len(shown) + 1
    expect(bob.private_replies).to_have_count(others)
    assert server.newest_deployment() == newest

    reply.get_by_role("button", name="/deploy shop to staging").click()

    expect(alice.composer).to_have_value("/deploy shop to staging")  # it waits for Enter, it never runs by itself
    assert server.newest_deployment() == newest


def test_the_keyboard_alone_is_enough(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice")
    newest = server.newest_deployment()

    alice.page.keyboard.press("Tab")  # the first stop leads to writing
    alice.page.keyboard.press("Enter")
    expect(alice.composer).to_be_focused()
    alice.page.keyboard.type("/deploy shop to stag")
    expect(alice.page.get_by_role("option", name="staging")).to_be_visible(timeout=DEADLINE_MS)
    alice.page.keyboard.press("Tab")
    expect(alice.composer).to_have_value("/deploy shop to staging ")
    alice.page.keyboard.press("Enter")

    number = server.deployment_after(newest)
    alice.shows(number, "Done")
    alice.page.keyboard.press("Escape")
    alice.page.keyboard.press("g")
    expect(alice.page.locator("#deployment")).to_be_visible(timeout=DEADLINE_MS)
