import assert from "node:assert/strict"
import { test } from "node:test"
import { sheet, withSlots } from "./paper.js"
import { Composer } from "../../static/js/composer.js"
import { COMMAND_TTL_MS } from "../../static/js/outbox.js"
import { Outgoing } from "../../static/js/outgoing.js"

/** A composer on paper; `sent` notes what goes out, as `[what, text]`. */
function composer() {
  const field = sheet("textarea")
  const complete = sheet("div", { class: "complete" }, sheet("ul", { role: "listbox" }), withSlots("p", "usage", "part"))
  const leave = sheet("button", { "data-action": "leave" })
  const about = sheet("div", { class: "about" }, withSlots("p", "what", "text"), leave)
  const buttons = ["slash", "down"].map((name) => sheet("button", { "data-action": name }))
  const form = sheet("form", {}, withSlots("p", "say", "paint", "hint", "typing", "who", "new"), complete, about, ...buttons)
  form.elements = { line: field }
  const sent = []
  const made = new Composer(form, { store: "1:7", limit: 8000 }, {
    whyNot: () => "",
    send: (text) => sent.push(["send", text]),
    edit: (id, text) => sent.push(["edit", text]),
    lines: async () => [],
    complete: async () => ({ items: [], from: 0, to: 0 }),
    typing() {},
  })
  const enter = () => form.dispatchEvent(new Event("submit"))
  const up = () => field.dispatchEvent(Object.assign(new Event("keydown"), { key: "ArrowUp" }))
  return { made, field, form, sent, enter, up }
}

test("a line that a button puts in is a line of its own, whatever was being changed", () => {
  const { made, field, sent, enter, up } = composer()
  field.value = "half a thought"
  made.edit({ id: 5, text: "as it was" })
  field.value = "as it shall be"

  made.fill("/rollback shop in production")
  enter()

  assert.deepEqual(sent, [["send", "/rollback shop in production"]])
  const kept = [1, 2, 3].map(() => (up(), field.value))
  assert.deepEqual(kept, ["/rollback shop in production", "half a thought", "as it shall be"])
})

test("a full store costs nothing but the reload", (t) => {
  const full = () => {
    throw Object.assign(new Error("full"), { name: "QuotaExceededError" })
  }
  const { setItem } = sessionStorage
  sessionStorage.setItem = full
  t.after(() => (sessionStorage.setItem = setItem))
  const { field, sent, enter } = composer()

  field.value = "a long line"
  field.dispatchEvent(new Event("input"))
  enter()

  assert.deepEqual(sent, [["send", "a long line"]])
})

test("what was said for a while stays when the line is back", () => {
  const { made, form } = composer()
  const said = () => form.querySelector('[data-slot="say"]').textContent

  made.say("messages wait", true)
  made.say("not run")
  assert.equal(said(), "not run")
  made.say("", true)
  assert.equal(said(), "not run")
  made.say("")

  assert.equal(said(), "")
})

/** What is typed on its way; `frames` are those that went out, `echoed` the client ids of those shown at once. */
function outgoing(t, { isOpen = true, me = {} } = {}) {
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ["setInterval", "setTimeout", "Date"] })
  const { made: field, field: box, form } = composer()
  const frames = []
  const view = { echo: () => ({ row: sheet("li"), event: {} }), waits() {} }
  const echoed = []
  const timeline = { newest: 0, echo: (cid) => echoed.push(cid), unecho() {}, echoes: () => [] }
  const line = { isOpen, send: (frame) => isOpen && frame.t !== "typing" && frames.push(frame) }
  const made = new Outgoing(line, timeline, field, { view, me, room: 7, changed() {} })
  const said = () => form.querySelector('[data-slot="say"]').textContent
  return { made, box, said, frames, echoed, pass: (ms) => t.mock.timers.tick(ms) }
}

test("a command whose answer was lost comes back in doubt, and goes when it is seen to have run", (t) => {
  const { made, box, said, frames, pass } = outgoing(t)
  made.send("/deploy shop to staging")
  pass(COMMAND_TTL_MS + 1_000)
  assert.deepEqual([box.value, said()], ["/deploy shop to staging", "perhaps_run"])

  made.settle(frames[0].cid)

  assert.deepEqual([box.value, said()], ["", "arrived"])
})

test("the server's word that it never came makes it sure, and a second try is the same line", (t) => {
  const { made, box, said, frames, pass } = outgoing(t)
  made.send("/deploy shop to staging")
  pass(COMMAND_TTL_MS + 1_000)
  const [{ cid }] = frames

  made.refused({ cid, code: "rate_limited" })
  assert.equal(said(), "perhaps_run")
  made.refused({ cid, code: "expired" })
  assert.deepEqual([box.value, said()], ["/deploy shop to staging", "not_run"])
  made.send("/deploy shop to staging")

  assert.equal(frames.at(-1).t, "command")
  assert.equal(frames.at(-1).cid, cid)
})

test("a line that arrived after all is left where it has become an answer to somebody", () => {
  const { made, field } = composer()
  field.value = "yes"
  made.answer({ id: 5, q: 9, by: "bob", text: "shall we?" })

  made.takeOut("yes", "arrived")

  assert.equal(field.value, "yes")
})

test("what was written over a line in doubt stays", (t) => {
  const { made, box, frames, pass } = outgoing(t)
  made.send("/deploy shop to staging")
  pass(COMMAND_TTL_MS + 1_000)
  box.value = "/deploy shop to production"

  made.acked({ cid: frames[0].cid, q: 9 })

  assert.equal(box.value, "/deploy shop to production")
})

test("a line that waits outlives a reload, under its client id and for its author alone", (t) => {
  const kept = new Map()
  const before = globalThis.sessionStorage
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  }
  t.after(() => (globalThis.sessionStorage = before))
  const first = outgoing(t, { isOpen: false, me: { id: 1 } })
  first.made.send("written in a tunnel")
  first.made.edit(5, "as it shall be")
  const other = outgoing(t, { me: { id: 2 } })
  other.made.resume()
  other.made.reconnected()
  assert.deepEqual(other.frames, [])

  const second = outgoing(t, { me: { id: 1 } })
  second.made.resume()
  second.made.reconnected()

  assert.deepEqual(second.frames.map(({ t: type, text }) => [type, text]), [
    ["message", "written in a tunnel"],
    ["message.edit", "as it shall be"],
  ])
  assert.deepEqual(second.echoed, [second.frames[0].cid])
  for (const { cid } of second.frames) second.made.acked({ cid, q: 9 })
  assert.equal(kept.has("outbox:1:7"), false)
})

test("a page that came over plain HTTP, where browsers make no ids, sends lines all the same", (t) => {
  const { randomUUID } = crypto
  crypto.randomUUID = undefined
  t.after(() => (crypto.randomUUID = randomUUID))
  const { made, frames } = outgoing(t)

  made.send("one")
  made.send("two")

  assert.match(frames[0].cid, /^[0-9a-f]{32}$/)
  assert.notEqual(frames[0].cid, frames[1].cid)
})
