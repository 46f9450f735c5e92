"""A passkey in a real browser, by our own script under the strict policy: added, and then enough to come in."""

import re

from playwright.sync_api import Browser, expect

from tests.services.shiproom import Shiproom

#: A key that says yes by itself, as a finger would.
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_a_passkey_is_added_and_signs_in_alone(server: Shiproom, browser: Browser) -> None:
    link = server.manage("person", "add", "grace").stdout.strip()
    home = server.url.replace("127.0.0.1", "localhost")  # an address of numbers has no passkeys
    context = browser.new_context()
    try:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        tools = context.new_cdp_session(page)
        tools.send("WebAuthn.enable")
        tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})

        page.goto(link.replace("127.0.0.1", "localhost"))
        page.get_by_role("button", name="Sign in as grace").click()
        page.goto(f"{home}/accounts/passkeys/add/")
        page.get_by_label("Sign in with it alone").check()
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible(timeout=20_000)
        expect(page.locator(".secret--list li")).to_have_count(10)

        page.goto(f"{home}/accounts/")
        page.locator(".rail__you").click()
        page.get_by_role("button", name="Sign out").last.click()
        page.wait_for_url(re.compile("/accounts/sign-in/"))
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(re.compile(rf"{re.escape(home)}/(rooms/)?$"))

        assert complaints == []
    finally:
        context.close()
    came_by = "SELECT params FROM deploy_core_auditentry WHERE action = 'sign_in' ORDER BY number DESC LIMIT 1"
    assert "webauthn" in server.rows(came_by)[0][0]
