"""The page in other shapes: narrow, dark, Chinese."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import DEADLINE_MS
from tests.services.shiproom import Shiproom

HAN = re.compile(r"[\u3400-\u9fff]")

#: Pieces of text that are shown, hold Latin words and nothing Chinese. What is left out is nobody's to translate: what
#: people typed, names, commands, keys, output.
LATIN_ONLY = """() => {
  const kept = ["code", "kbd", "samp", "time", "h1", ".rev", ".said", ".try", ".avatar", ".menu", ".card__id",
    ".rail__brand", ".rail__link", ".rail__name", ".event__author", ".event__text", ".quote", ".pinned", ".room__topic",
    "[data-slot=app]", "[data-slot=environment]", "script", "template", "style"].join(", ")
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = []
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim()
    const parent = walk.currentNode.parentElement
    if (!/[A-Za-z]{3}/.test(text) || /[\\u3400-\\u9fff]/.test(text)) continue
    if (!parent.closest(kept) && parent.checkVisibility()) found.push(text)
  }
  return found
}"""
#: Names of servers, subjects of the shop's commits.
DATA = re.compile(r"web-\d|Show the prices|Count the visits|Put a banner on the front page")


def test_a_narrow_page_shows_the_steps_and_never_scrolls_sideways(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    number = max(server.newest_deployment(), 1)

    alice.open_deployment(number)

    expect(alice.page.locator("#deployment ol.steps")).to_be_visible(timeout=DEADLINE_MS)
    assert alice.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    alice.agrees_with_server(number)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_readers_light_or_dark(open_window: OpenWindow, scheme: str) -> None:
    alice = open_window("alice", color_scheme=scheme)

    ground, text = alice.page.evaluate(
        """() => {
          const light = (colour) => {
            const canvas = document.createElement("canvas").getContext("2d")
            canvas.fillStyle = colour
            canvas.fillRect(0, 0, 1, 1)
            const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data
            return (r + g + b) / 3
          }
          const style = getComputedStyle(document.getElementById("scroll").closest(".room"))
          return [light(style.backgroundColor), light(style.color)]
        }"""
    )

    assert (ground > 200 and text < 100) if scheme == "light" else (ground < 60 and text > 180)


def test_a_chinese_page_has_no_untranslated_words(server: Shiproom, open_window: OpenWindow) -> None:
    carol = open_window("carol")

    carol.page.locator(".rail__you").click()
    carol.page.get_by_role("button", name="简体中文").click()
    expect(carol.page.locator("html")).to_have_attribute("lang", "zh-Hans", timeout=DEADLINE_MS)
    carol.is_connected()
    carol.open_deployment(max(server.newest_deployment(), 1))
    carol.say("/help")
    expect(carol.private_replies.last).to_contain_text(HAN, timeout=DEADLINE_MS)
    assert [text for text in carol.page.evaluate(LATIN_ONLY) if not DATA.fullmatch(text)] == []


@pytest.mark.parametrize(
    "typed", ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "\u202e)txt.exe"], ids=["tag", "link", "bidi"]
)
def test_what_people_type_is_text(open_window: OpenWindow, typed: str) -> None:
    alice = open_window("alice")

    alice.say(typed)

    line = alice.timeline.locator(".event[data-q]").last.locator(".event__text")
    expect(line).to_contain_text(typed.strip("\u202e"), timeout=DEADLINE_MS)
    assert alice.timeline.locator("img, a[href^='javascript']").count() == 0
    author = alice.timeline.locator(".event[data-q]").last.locator(".event__author")
    assert line.bounding_box() is not None
    assert line.evaluate("element => getComputedStyle(element).unicodeBidi") in ("isolate", "plaintext")
    expect(author).to_have_text("alice")


def test_links_that_lead_nowhere_cost_the_room_nothing(server: Shiproom, open_window: OpenWindow) -> None:
    alice = open_window("alice")

    alice.say(f"look at {server.url}/deployments/5/log/100%/#L3, it is from #99999")
    expect(alice.timeline.get_by_role("link", name="#99999").last).to_be_visible(timeout=DEADLINE_MS)
    alice.page.reload()
    alice.is_connected()
    alice.timeline.get_by_role("link", name="#99999").last.click()

    panel = alice.page.locator("#deployment")
    expect(panel.locator('[data-slot="sentence"]')).to_have_text(re.compile("no such deployment"), timeout=DEADLINE_MS)
    expect(panel.locator('[data-slot="status"]')).to_have_text("Not here")
    assert alice.graph() == {}
