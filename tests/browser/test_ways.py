"""By which way the page hears: where no socket gets through, and where its session has ended."""

import httpx
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

#: A polling page looks so often whether a socket would get through (static/js/connection.js).
PROBE_S = 60
#: Five seconds are promised; a machine that runs all tests at once may need more.
OUT_MS = 10_000
#: A socket on this machine is welcomed in less.
SOON_MS = 3_000
SIGN_IN = """
from deploy_core.models import Person
from tests.room.conftest import sign_in
print(sign_in(Person.objects.get(username="carol")))
"""


def is_soon(place: Locator, text: str) -> bool:
    try:
        expect(place).to_have_text(text, timeout=SOON_MS)
    except AssertionError:
        return False
    return True


def test_a_proxy_that_lets_no_socket_through_is_told_in_a_word_and_everything_works(
    server: Shiproom, open_window: OpenWindow
) -> None:
    alice, bob = open_window("alice", without_sockets=True, with_clock=True), open_window("bob")
    word = alice.page.locator('[data-slot="connection"]')
    expect(word).to_have_text("Connected (compatible)", timeout=DEADLINE_MS)

    alice.say("asked, not told")
    bob.say("told, not asked")
    for text in ("asked, not told", "told, not asked"):
        for window in (alice, bob):
            expect(window.timeline.get_by_text(text)).to_have_count(1, timeout=DEADLINE_MS)
    number = alice.deploy("/deploy shop to staging")
    assert server.ended(number)[0] == "succeeded"
    alice.shows(number, "Done")

    alice.wire.lets_sockets_through = True
    for step in range(10):  # by less than a poll waits, and each is answered: none is given up
        alice.let_pass(PROBE_S / 2)
        bob.say(f"step {step}")
        expect(alice.timeline.get_by_text(f"step {step}")).to_have_count(1, timeout=DEADLINE_MS)
        if is_soon(word, "Connected"):  # the next leap of the clock would give up a socket that is just opening
            break
    expect(word).to_have_text("Connected", timeout=DEADLINE_MS)
    bob.say("by a socket again")
    expect(alice.timeline.get_by_text("by a socket again")).to_have_count(1, timeout=DEADLINE_MS)
    picture = open_window("alice")  # a fresh page is what the server says

    def is_the_same() -> bool:
        ours, fresh = alice.event_numbers(), picture.event_numbers()
        first = max(ours[:1] + fresh[:1], default=0)  # one of the two may reach further back
        return bool(fresh) and [n for n in ours if n >= first] == [n for n in fresh if n >= first]

    wait_until(is_the_same, what="no event is missing, none is there twice")


def test_signing_out_in_one_tab_ends_the_other_within_seconds(server: Shiproom, browser: Browser) -> None:
    key = server.run_code(SIGN_IN).split()[-1]  # a session of its own: other tests need theirs
    context = browser.new_context()
    context.add_cookies([{"name": "session", "value": key, "url": server.url}])
    try:
        first, second = context.new_page(), context.new_page()
        for page in (first, second):
            page.goto(f"{server.url}/rooms/demo/")
            expect(page.locator('[data-slot="connection"]')).to_have_text("Connected", timeout=DEADLINE_MS)

        first.locator(".rail__you").click()
        first.locator('form[action="/accounts/sign-out/"] button').click()

        expect(second.locator("#banner")).to_be_visible(timeout=OUT_MS)
        answer = httpx.get(f"{server.url}/rooms/demo/", cookies={"session": key}, trust_env=False)
        assert "/accounts/sign-in/" in answer.headers["Location"]
    finally:
        context.close()
