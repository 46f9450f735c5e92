"""How long the room's page takes in a real browser on loopback: `python -m tests.bench.page_load`.

Exit 1 when the first load (nothing cached) takes more than a second, or when go.js was fetched before it was needed.
"""

import statistics
import sys

from playwright.sync_api import Browser

from tests.services import chromium, shiproom
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

ROUNDS = 7
LIMIT_MS = 1000
TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation")
  const [paint] = performance.getEntriesByName("first-contentful-paint")
  const files = performance.getEntriesByType("resource")
  return {
    paint: paint?.startTime ?? 0,
    load: page.loadEventEnd,
    kilobytes: [page, ...files].reduce((sum, file) => sum + file.transferSize, 0) / 1024,
    requests: files.length + 1,
    graph: files.some((f) => f.name.includes("go.js") && f.startTime < page.loadEventEnd),
  }
}"""


def _measure(browser: Browser, room: Shiproom) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    first, second = [], []
    for _ in range(ROUNDS):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": n, "value": v, "url": room.url} for n, v in room.cookies("alice").items()])
        page = context.new_page()
        for results in (first, second):
            page.goto(f"{room.url}/rooms/demo/", wait_until="load")
            wait_until(lambda p=page: min(map(p.evaluate(TIMES).get, ("load", "paint"))) > 0, what="load and paint")
            results.append(page.evaluate(TIMES))
        context.close()
    return first, second


def main() -> int:
    with shiproom.running() as room, chromium.running() as browser:
        first, second = _measure(browser, room)
    print(f"{'page load':<10} {'first paint ms':>15} {'load ms':>9} {'worst ms':>9} {'KB':>7} {'requests':>9}")
    for name, results in zip(("first", "second"), (first, second), strict=True):
        middle = {key: statistics.median(r[key] for r in results) for key in results[0]}
        worst = max(r["load"] for r in results)
        print(
            f"{name:<10} {middle['paint']:>15.0f} {middle['load']:>9.0f} {worst:>9.0f}"
            f" {middle['kilobytes']:>7.0f} {middle['requests']:>9.0f}"
        )
    if any(r["graph"] for r in first):
        print("go.js was fetched before the page was there", file=sys.stderr)
        return 1
    return 0 if statistics.median(r["load"] for r in first) <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
