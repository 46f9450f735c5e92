import assert from "node:assert/strict"
import { test } from "node:test"
import { look, sheet, template, withSlots } from "./paper.js"
import { MessageTools } from "../../static/js/message_tools.js"
import { Timeline } from "../../static/js/timeline.js"

/** A timeline on paper, at its end; `range` answers what it asks for. */
function timeline(range = async () => ({ events: [], more: false, head: 0 })) {
  template("divider", sheet("li", { class: "divider" }))
  const list = sheet("ol")
  const scroll = sheet("div", {}, list)
  Object.assign(scroll, { scrollTop: 0, scrollHeight: 0, clientHeight: 0 })
  const view = { row: (event) => sheet("li", { class: "event", "data-q": event.q }) }
  const made = new Timeline(list, scroll, { view, me: "alice", unseen() {}, read() {}, range, lost() {} })
  const order = () => list.children.map((each) => (each.matches(".divider--new") ? "new" : each.dataset.q)).filter(Boolean)
  return { made, list, scroll, order }
}

const line = (q) => ({ k: "message", q, at: "2026-11-27T10:00:00Z", by: { id: 2, name: "bob" }, d: { id: q, text: `line ${q}` } })

test("what is new is said anew each time the reader looked away", () => {
  const { made, order } = timeline()
  made.restart([line(1), line(2)], { read: 1 })
  assert.deepEqual(order(), [1, "new", 2])

  look(false)
  made.append([line(3)])
  made.append([line(4)])
  look(true)

  assert.deepEqual(order(), [1, 2, "new", 3, 4])
})

test("older lines that were asked for before a new beginning are not put above it", async () => {
  let answer
  const { made, scroll, order } = timeline(() => new Promise((resolve) => (answer = resolve)))
  made.restart([line(8), line(9)])
  scroll.dispatchEvent(new Event("scroll"))

  made.restart([line(108), line(109)])
  answer({ events: [line(7)], more: true, head: 9 })
  await new Promise((resolve) => setImmediate(resolve))

  assert.deepEqual(order(), [108, 109])
})

test("for who reads further up so many lines are kept, and the rest waits until they come down", async () => {
  const asked = []
  const rest = { 1_000: [{ k: "message.edited", q: 1_001, d: { id: 90, text: "x" } }], 1_001: [line(1_002)] }
  const { made, scroll, order } = timeline(async ({ after }) => (asked.push(after), { events: rest[after], more: true, head: 1_003 }))
  made.restart([line(1)])
  scroll.scrollTop = -5_000
  made.append(Array.from({ length: 999 }, (_, at) => line(at + 2)))
  made.append([line(1_003)])
  assert.equal(order().at(-1), 1_000)
  assert.equal(made.newest, 1_003)

  scroll.scrollTop = -300
  for (let each = 0; each < 2; each += 1) {
    scroll.dispatchEvent(new Event("scroll"))
    await new Promise((resolve) => setImmediate(resolve))
  }

  assert.deepEqual([asked, order().at(-1)], [[1_000, 1_001], 1_002])
})

test("one reads on through a stretch of the talk that has no rows of its own", async () => {
  const asked = []
  const changes = [3, 4].map((q) => ({ k: "message.edited", q, d: { id: 90, text: "x" } }))
  const { made, scroll, order } = timeline(async ({ before }) => {
    asked.push(before)
    return before === 5 ? { events: changes, more: true, head: 9 } : { events: [line(1), line(2)], more: false, head: 9 }
  })
  made.restart([line(5), line(6)])

  for (let each = 0; each < 3; each += 1) {
    scroll.dispatchEvent(new Event("scroll"))
    await new Promise((resolve) => setImmediate(resolve))
  }

  assert.deepEqual([asked, order()], [[5, 3], [1, 2, 5, 6]])
})

test("what was said to be missing is said no more once one has read up to it", async () => {
  template("note", withSlots("li", "glyph", "text", "time"))
  const { made, list, scroll } = timeline(async () => ({ events: [line(601)], more: true, head: 700 }))
  made.restart([line(602), line(603)], { missed: 600 })
  assert.match(list.textContent, /missed/)

  scroll.dispatchEvent(new Event("scroll"))
  await new Promise((resolve) => setImmediate(resolve))

  assert.doesNotMatch(list.textContent, /missed/)
})

test("whoever listens hears that a message is taken back with the next press", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const remove = sheet("button", { "data-action": "delete", "aria-label": "Take back" }, sheet("span", { "data-slot": "sure" }, "Take back for everyone"))
  template("tools", sheet("div", {}, remove))
  const { made, list } = timeline()
  made.restart([line(1)])
  const said = []
  const removed = []
  const edges = { me: { id: 2 }, isManager: () => false, mayWrite: () => true, said: (text) => said.push(text), remove: (event) => removed.push(event.q) }
  new MessageTools(list, made, edges)
  const row = list.querySelector(".event")
  row.tell("focusin")
  const button = row.querySelector("[data-action=delete]")
  const press = () => button.tell("click")

  press()
  assert.deepEqual([button.getAttribute("aria-label"), said.at(-1)], ["Take back for everyone", "take_back_sure"])
  t.mock.timers.tick(8_000)
  assert.deepEqual([button.getAttribute("aria-label"), said.at(-1)], ["Take back", ""])
  press()
  press()

  assert.deepEqual(removed, [1])
})

test("where a page may copy nothing, the link is said", async () => {
  template("tools", sheet("div", {}, sheet("button", { "data-action": "copy-link" })))
  globalThis.location = { href: "https://ship.example/rooms/demo/#e4" }
  const { made, list } = timeline()
  made.restart([line(1)])
  const said = []
  const tools = new MessageTools(list, made, { me: { id: 2 }, isManager: () => false, mayWrite: () => true, said: (text) => said.push(text) })
  list.querySelector(".event").focus()

  assert.equal(tools.act("copy-link"), true)
  await new Promise((resolve) => setImmediate(resolve))

  assert.deepEqual(said, ["not_copied"])
})
