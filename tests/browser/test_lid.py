"""The lid is closed while a deployment runs: afterwards the page is what the server says, no hole, nothing twice."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

SHOWN = ("message", "command", "reply", "card", "announcement", "member.joined")


def room_events(server: Shiproom) -> list[int]:
    """The numbers of the demo room's events that a page shows as rows."""
    query = f"""
        SELECT e.number FROM room_event e JOIN room_room r ON r.id = e.stream_id
        WHERE e.stream_kind = 'room' AND r.slug = 'demo' AND e.kind IN ({",".join("?" * len(SHOWN))}) ORDER BY e.number
    """
    return [number for (number,) in server.rows(query, *SHOWN)]


def test_a_closed_lid_during_a_deployment_leaves_no_hole_and_nothing_twice(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    number = alice.deploy("/deploy shop to staging")
    alice.open_deployment(number)
    expect(alice.page.locator("#deployment .step").first).to_be_visible(timeout=DEADLINE_MS)

    alice.cut_line()
    bob.say("are you there?")
    expect(bob.timeline.get_by_text("are you there?")).to_be_visible(timeout=DEADLINE_MS)
    assert server.ended(number)[0] == "succeeded"
    another = bob.deploy("/deploy shop/feature/banner to staging")
    assert server.ended(another)[0] == "succeeded"
    bob.shows(another, "Done")
    missed = set(bob.event_numbers()) - set(alice.event_numbers())
    assert missed
    alice.mend_line()

    alice.shows(number, "Done")
    alice.shows(another, "Done")
    alice.agrees_with_server(number)
    wait_until(lambda: alice.event_numbers() == room_events(server)[-len(alice.event_numbers()) :], what="no hole")
    assert missed <= set(alice.event_numbers())
    assert len(alice.timeline.get_by_text("are you there?").all()) == 1


def test_a_message_written_meanwhile_goes_out_once_and_a_command_waits_for_its_author(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    newest = server.newest_deployment()

    alice.cut_line()
    alice.say("written under the lid")
    alice.say("/deploy shop to production")
    expect(alice.composer).to_have_value("/deploy shop to production")
    alice.mend_line()

    expect(bob.timeline.get_by_text("written under the lid")).to_be_visible(timeout=DEADLINE_MS)
    for window in (alice, bob):
        expect(window.timeline.get_by_text("written under the lid")).to_have_count(1)
    expect(alice.composer).to_have_value("/deploy shop to production")
    assert server.newest_deployment() == newest
