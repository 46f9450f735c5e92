"""Talk in two windows: what one person does with a message, the other sees, once; names, links, notifications."""

import json
import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS, Window
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

#: A second room of alice and bob, and a long talk in it.
LONG_TALK = """
from chatops.room import messages
from chatops.room.models import Membership, Room
from deploy_core.models import Person
room, _ = Room.objects.get_or_create(slug="lobby")
people = [Person.objects.get(username=name) for name in ("alice", "bob")]
for person in people:
    Membership.objects.get_or_create(room=room, person=person)
for number in range({count}):
    text = f"line {{number}} of the long talk"
    messages.post(author=people[1], room=room, text=text, client_id=f"{name}-{{number}}", surface="web")
"""
PROTECT = """
from deploy_core.models import Environment
Environment.objects.filter(app__name="shop", name="staging").update(is_protected={is_protected})
"""
TAKE_OUT = """
from chatops.room import people
from chatops.room.models import Membership, Room
from deploy_core.models import Person
room, alice, bob = Room.objects.get(slug="lobby"), *Person.objects.filter(username__in=("alice", "bob")).order_by("pk")
Membership.objects.filter(room=room, person=alice).update(is_manager=True)
people.remove(alice, room, bob.pk)
"""
#: Keeps what would be shown by the system.
NOTIFIED = """
window.notified = []
window.Notification = class extends EventTarget {
  static permission = "granted"
  static async requestPermission() { return "granted" }
  constructor(title, options) { super(); window.notified.push([title, options.body]) }
  close() {}
}
localStorage.setItem("desktop", "on")
"""


def _row(window: Window, text: str) -> Locator:
    said = window.page.locator(".event__text").get_by_text(text, exact=True)
    return window.timeline.locator(".event[data-q]", has=said).last


def _press(window: Window, row: Locator, action: str) -> None:
    row.hover()
    row.locator(f'.tools [data-action="{action}"]').click()


def test_an_answer_longer_than_the_window_is_read_from_its_top(open_window: OpenWindow) -> None:
    alice = open_window("alice")

    alice.say("/help")
    answer = alice.private_replies.last
    expect(answer.get_by_role("row").nth(3)).to_be_visible(timeout=DEADLINE_MS)

    expect(answer.get_by_role("columnheader").first).to_be_in_viewport()
    expect(answer.get_by_role("row").last).not_to_be_in_viewport()
    answer.get_by_role("button", name="Dismiss").click()


def test_an_answer_quotes_and_an_edit_and_a_message_taken_back_reach_everybody_once(open_window: OpenWindow) -> None:
    alice, bob = open_window("alice"), open_window("bob")
    alice.say("shall we ship at noon?")

    _press(bob, _row(bob, "shall we ship at noon?"), "reply")
    bob.composer.fill("after lunch")
    bob.composer.press("Enter")
    answer = _row(alice, "after lunch")
    expect(answer.locator(".quote")).to_contain_text("shall we ship at noon?", timeout=DEADLINE_MS)

    _press(alice, _row(alice, "shall we ship at noon?"), "edit")
    expect(alice.composer).to_have_value("shall we ship at noon?")
    alice.composer.fill("shall we ship at one?")
    alice.composer.press("Enter")
    for window in (alice, bob):
        expect(window.timeline.get_by_text("shall we ship at one? edited")).to_have_count(1, timeout=DEADLINE_MS)
        expect(_row(window, "after lunch").locator(".quote")).to_contain_text("ship at one?", timeout=DEADLINE_MS)

    edited = alice.timeline.locator(".event[data-q]", has_text="shall we ship at one?").first
    _press(alice, edited, "delete")
    edited.locator('.tools [data-action="delete"]').click()  # the second press does it
    for window in (alice, bob):
        expect(window.timeline.get_by_text("ship at one?")).to_have_count(0, timeout=DEADLINE_MS)
    assert alice.event_numbers() == bob.event_numbers()


def test_a_link_to_a_message_opens_the_talk_around_it_and_reads_on_both_ways(
    server: Shiproom, open_window: OpenWindow
) -> None:
    server.run_code(LONG_TALK.format(count=110, name="long"))
    found = server.rows("SELECT number FROM room_message WHERE text = ?", "line 30 of the long talk")

    alice = open_window("alice", path=f"/rooms/lobby/#e{found[0][0]}")

    row = alice.page.locator(f"#e{found[0][0]}")
    expect(row).to_be_in_viewport(timeout=DEADLINE_MS)
    expect(row).to_be_focused()
    assert max(alice.event_numbers()) < found[0][0] + 60  # the newest are not there yet
    scroll = alice.page.locator("#scroll")
    for text, top in (("line 0 of the long talk", -1_000_000), ("line 109 of the long talk", 0)):
        line = alice.timeline.get_by_text(text, exact=True)

        def is_there(line: Locator = line, top: int = top) -> bool:
            scroll.evaluate("(scroll, top) => { scroll.scrollTop = top }", top)
            return line.count() > 0

        wait_until(is_there, 20, what=text)
    numbers = alice.event_numbers()
    assert numbers == list(range(numbers[0], numbers[-1] + 1))  # no hole, nothing twice


def test_a_name_is_completed_called_and_notified_by_one_tab_only(server: Shiproom, open_window: OpenWindow) -> None:
    server.run_code(LONG_TALK.format(count=1, name="names"))
    alice, bob = open_window("alice", path="/rooms/lobby/"), open_window("bob")
    alice.page.add_init_script(NOTIFIED)
    alice.page.reload()
    alice.is_connected()
    other = alice.page.context.new_page()
    other.add_init_script(NOTIFIED)
    other.goto(alice.page.url)
    expect(other.locator('[data-slot="connection"]')).to_have_class(re.compile("is-ok"), timeout=DEADLINE_MS)

    pages = (alice.page, other)
    speaks = "'speaks' in document.documentElement.dataset"
    wait_until(lambda: sum(page.evaluate(speaks) for page in pages) == 1, what="one tab speaks")

    bob.composer.click()
    bob.composer.press_sequentially("look here @al")
    expect(bob.page.get_by_role("option", name="@alice")).to_be_visible(timeout=DEADLINE_MS)
    bob.composer.press("Enter")  # takes the name; nothing is sent
    expect(bob.composer).to_have_value("look here @alice ")
    bob.composer.press("Enter")

    rail = alice.page.locator('.rail [data-slug="demo"] .count')
    expect(rail).to_be_visible(timeout=DEADLINE_MS)
    expect(rail).not_to_have_class(re.compile("quiet"))  # it is about alice
    for page in pages:
        page.wait_for_function(f"window.notified.length > 0 || !({speaks})")
    told = [shown for page in pages for shown in page.evaluate("notified")]
    assert told == [["bob in demo", "look here @alice"]]


def test_the_board_and_the_wall_change_where_they_stand_and_call_whom_a_line_calls(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice", path="/board/"), open_window("bob")
    alice.page.add_init_script(NOTIFIED)
    alice.page.reload()
    alice.is_connected()
    wall = alice.page.context.new_page()
    wall.goto(f"{server.url}/wall/")
    for page in (alice.page, wall):
        page.evaluate("window.isTheSame = true")

    bob.say("look there @alice")
    expect(alice.page.locator('.rail [data-slug="demo"] .count')).to_be_visible(timeout=DEADLINE_MS)
    server.say("/lock shop staging for 1h", wait=False)

    cell, tile = alice.page.locator('[data-part="shop/staging"]'), wall.locator('[data-key="shop/staging"]')
    for place in (cell, tile):
        expect(place).to_contain_text("Locked", timeout=DEADLINE_MS)
    server.say("/unlock shop staging", wait=False)
    for place in (cell, tile):
        expect(place.filter(has_text="Locked")).to_have_count(0, timeout=DEADLINE_MS)
    assert all(page.evaluate("window.isTheSame") for page in (alice.page, wall))
    assert alice.page.evaluate("notified") == [["bob in demo", "look there @alice"]]


def test_a_mistyped_command_is_neither_posted_nor_lost(open_window: OpenWindow) -> None:
    alice, bob = open_window("alice"), open_window("bob")

    alice.say("/stauts shop now")

    refused = alice.private_replies.last
    expect(refused).to_contain_text("/stauts shop now", timeout=DEADLINE_MS)
    expect(refused.get_by_role("button", name="/status shop now")).to_be_visible()
    alice.composer.press("ArrowUp")
    expect(alice.composer).to_have_value("/stauts shop now")
    alice.composer.fill("")
    refused.get_by_role("button", name="Send as message").click()
    expect(_row(bob, "/stauts shop now")).to_be_visible(timeout=DEADLINE_MS)


def test_an_input_methods_enter_sends_nothing(open_window: OpenWindow) -> None:
    alice = open_window("alice")
    alice.composer.click()
    alice.composer.fill("部署")
    numbers = alice.event_numbers()

    for composing in ({"isComposing": True}, {"keyCode": 229}):
        options = {"key": "Enter", "bubbles": True, "cancelable": True, **composing}
        alice.composer.evaluate(f"field => field.dispatchEvent(new KeyboardEvent('keydown', {json.dumps(options)}))")

    expect(alice.composer).to_have_value("部署")
    assert alice.event_numbers() == numbers
    alice.composer.press("Enter")
    expect(_row(alice, "部署")).to_be_visible(timeout=DEADLINE_MS)


def test_what_was_said_is_found_and_opened(open_window: OpenWindow) -> None:
    alice = open_window("alice")
    alice.say("the needle is in the haystack")
    expect(_row(alice, "the needle is in the haystack")).to_be_visible(timeout=DEADLINE_MS)

    alice.page.keyboard.press("Control+k")
    alice.page.locator(".find__field").fill("haystack needle")
    expect(alice.page.locator(".find__item", has_text="needle")).to_have_count(1, timeout=DEADLINE_MS)
    alice.page.keyboard.press("Enter")

    expect(alice.page.locator(".event.is-found")).to_contain_text("haystack", timeout=DEADLINE_MS)
    expect(alice.page.locator("#find")).to_be_hidden()


def test_a_protected_deployment_asks_with_its_revision_on_the_button(server: Shiproom, open_window: OpenWindow) -> None:
    server.run_code(PROTECT.format(is_protected=True))
    alice = open_window("alice")
    number = alice.deploy("/deploy shop to staging")

    card = alice.private_replies.last
    expect(card.get_by_role("button", name=re.compile("^Deploy [0-9a-f]{7}$"))).to_be_visible(timeout=DEADLINE_MS)
    expect(card.locator(".confirm__left")).to_contain_text("left", timeout=DEADLINE_MS)
    card.get_by_role("button", name="Do not deploy").click()

    assert server.ended(number)[0] in ("cancelled", "rejected")
    expect(card.get_by_role("button", name=re.compile("^Deploy"))).to_be_hidden(timeout=DEADLINE_MS)
    server.run_code(PROTECT.format(is_protected=False))


def test_who_is_taken_out_of_a_room_is_told_and_loses_no_text(server: Shiproom, open_window: OpenWindow) -> None:
    server.run_code(LONG_TALK.format(count=1, name="out"))
    bob = open_window("bob", path="/rooms/lobby/")
    bob.composer.fill("nearly written")

    server.run_code(TAKE_OUT)

    banner = bob.page.locator("#banner")
    expect(banner).to_contain_text("You are no longer in this room.", timeout=DEADLINE_MS)
    expect(banner.get_by_role("link", name="Rooms")).to_be_visible()
    bob.composer.press("Enter")
    expect(bob.composer).to_have_value("nearly written")


def test_the_wall_says_so_when_its_line_is_lost(open_window: OpenWindow) -> None:
    alice = open_window("alice", path="/wall/")
    expect(alice.page.locator('[data-key="shop/production"]')).to_be_visible(timeout=DEADLINE_MS)
    expect(alice.page.locator('[data-slot="lost"]')).to_be_hidden()

    alice.is_cut = True
    alice.wire.cut()
    expect(alice.page.locator('[data-slot="lost"]')).to_contain_text("No news since", timeout=DEADLINE_MS)

    alice.wire.mend()
    expect(alice.page.locator('[data-slot="lost"]')).to_be_hidden(timeout=DEADLINE_MS)
