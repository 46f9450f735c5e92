import assert from "node:assert/strict"
import { test } from "node:test"
import { template, withSlots } from "./paper.js"
import { EventView } from "../../static/js/event_view.js"
import { Stream } from "../../static/js/stream.js"

/** What the page reported as uncaught, while `t` runs. */
function reported(t) {
  const found = []
  globalThis.reportError = (error) => found.push(error.message)
  t.after(() => delete globalThis.reportError)
  return found
}

function broken() {
  throw new Error("broken")
}

test("an event that cannot be drawn is one line that says so", (t) => {
  const found = reported(t)
  template("note", withSlots("li", "glyph", "text", "time"))
  const view = new EventView({}, { row: broken }, {}, {})

  const row = view.row({ k: "card", q: 5, at: "2026-11-27T10:00:00Z", d: { deployment: 1 } })

  assert.match(row.textContent, /undrawn/)
  assert.equal(row.dataset.q, 5)
  assert.deepEqual(found, ["broken"])
})

test("a stream goes on when its events could not be shown", (t) => {
  const found = reported(t)
  const shown = []
  const apply = ([event]) => (event.q === 1 ? broken() : shown.push(event.q))
  const stream = new Stream({ apply, restart() {} }, { e: "k1", q: 0 })

  stream.opened({ e: "k1", head: 0 })
  for (const q of [1, 2]) stream.offer({ q, e: "k1" })

  assert.deepEqual([shown, found], [[2], ["broken"]])
})
