"""The lid is closed while a deployment runs: afterwards the page is what the server says, no hole, nothing twice."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

#: A command that waited longer is given back to its author (room protocol).
COMMAND_TTL_S = 15


def test_a_closed_lid_during_a_deployment_leaves_no_hole_and_nothing_twice(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    number = alice.deploy("/deploy shop to staging")
    alice.open_deployment(number)

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

    for deployment in (number, another):
        alice.shows(deployment, "Done")
    alice.agrees_with_server(number)
    picture = open_window("alice")  # a fresh page is what the server says
    wait_until(lambda: alice.event_numbers() == picture.event_numbers(), what="both pages show the same events")
    assert missed <= set(alice.event_numbers())
    expect(alice.timeline.get_by_text("are you there?")).to_have_count(1)


def test_a_message_written_meanwhile_goes_out_once_and_a_command_waits_for_its_author(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice", with_clock=True), open_window("bob")
    newest = server.newest_deployment()

    alice.cut_line()
    alice.say("written under the lid")
    alice.say("/deploy shop to production")
    alice.let_pass(COMMAND_TTL_S + 1)
    expect(alice.composer).to_have_value("/deploy shop to production", timeout=DEADLINE_MS)
    alice.mend_line()

    for window in (alice, bob):
        expect(window.timeline.get_by_text("written under the lid")).to_have_count(1, timeout=DEADLINE_MS)
        expect(window.timeline.locator(".message--waiting")).to_have_count(0)
    expect(alice.composer).to_have_value("/deploy shop to production")
    assert server.newest_deployment() == newest
