import assert from "node:assert/strict"
import { test } from "node:test"
import { look, sheet, template, withSlots } from "./paper.js"
import { Composer } from "../../static/js/composer.js"
import { ConnectionView } from "../../static/js/connection_view.js"
import { EventView } from "../../static/js/event_view.js"
import { MessageTools } from "../../static/js/message_tools.js"
import { COMMAND_TTL_MS } from "../../static/js/outbox.js"
import { Outgoing } from "../../static/js/outgoing.js"
import { RoomEvents } from "../../static/js/room_events.js"
import { RoomHead } from "../../static/js/room_head.js"
import { Speaker } from "../../static/js/speaker.js"
import { Stream } from "../../static/js/stream.js"
import { Timeline } from "../../static/js/timeline.js"
import { Watchers } from "../../static/js/watchers.js"

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

test("what was written over a line in doubt stays", (t) => {
  const { made, box, frames, pass } = outgoing(t)
  made.send("/deploy shop to staging")
  pass(COMMAND_TTL_MS + 1_000)
  box.value = "/deploy shop to production"

  made.acked({ cid: frames[0].cid, q: 9 })

  assert.equal(box.value, "/deploy shop to production")
})

test("a cut is read out once, and the seconds to the next try are not", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] })
  const said = sheet("strong", { role: "alert", "data-slot": "said" })
  const more = sheet("span", { "data-slot": "more" })
  const banner = sheet("div", {}, said, more, sheet("button", { "data-action": "retry" }))
  const view = new ConnectionView({ label: sheet("span"), banner, app: sheet("main") }, { isBehind: () => false, retry() {} })
  const told = []
  const change = (state) => view.changed({ state, isOpen: state === "live", isOver: false, retryAt: Date.now() + 9_000 })
  const note = () => (view.paint(), told.push([banner.hidden, said.textContent, said.closest("[role=alert]") === more.closest("[role=alert]")]))

  change("live")
  change("waiting")
  t.mock.timers.tick(3_000)
  note()
  const before = more.textContent
  t.mock.timers.tick(2_000)
  note()
  change("live")
  note()

  assert.deepEqual(told, [[false, "lost", false], [false, "lost", false], [true, "", false]])
  assert.match(before, /retry_in/)
})

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

/** What stands above the talk, for a reader who manages nothing. */
function head() {
  const bell = withSlots("div", "desktop", "sound", "refused", "duty", "icon")
  const pinned = sheet("div", {}, withSlots("p", "by", "text", "at", "link"), sheet("button", { "data-action": "unpin" }))
  const parts = { topic: sheet("p"), pinned, bell, composer: sheet("form"), readOnly: sheet("p") }
  const made = new RoomHead({ id: 7, is_manager: false }, parts, {}, { wants: () => ({}) })
  return { made, shows: () => [parts.topic.textContent, parts.composer.hidden, parts.readOnly.hidden] }
}

test("a picture of the room brings its topic, and whether one may write", () => {
  const { made, shows } = head()

  made.show({ topic: "Ship at noon", is_announcements: true, pinned: null })
  assert.deepEqual(shows(), ["Ship at noon", true, false])
  made.heard([{ k: "room.changed", d: { apps: ["shop"] } }]) // says nothing of who may write

  assert.deepEqual(shows(), ["Ship at noon", true, false])
})

/** A tab of a browser whose notifications are `Notification`; `others(data)` is what another tab says. */
function tab(t, Notification) {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] })
  const kept = new Map([["desktop", "on"]])
  const channel = Object.assign(new EventTarget(), { postMessage() {} })
  globalThis.localStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) }
  globalThis.Notification = Notification
  globalThis.BroadcastChannel = function () {
    return channel
  }
  t.after(() => {
    delete globalThis.Notification
    globalThis.BroadcastChannel = undefined
    look(true)
  })
  look(false)
  const speaker = new Speaker(null, () => {})
  const say = () => speaker.say({ room: 7, title: "bob", body: "hi", tag: "room-7", url: "/", isUrgent: false })
  return { speaker, say, others: (data) => channel.dispatchEvent(Object.assign(new Event("message"), { data })) }
}

test("where a page may not notify, it is off, and what else is to be done is done", (t) => {
  const { speaker, say } = tab(t, class {
    static permission = "granted"
    constructor() {
      throw new TypeError("Illegal constructor")
    }
  })

  say()

  assert.equal(speaker.hasDesktop, false)
})

test("a tab that went without a word shows its room to nobody", (t) => {
  const shown = []
  const { say, others } = tab(t, class extends EventTarget {
    static permission = "granted"
    constructor(title) {
      super()
      shown.push(title)
    }
  })
  others({ tab: "t2", room: 7 })
  t.mock.timers.tick(50_000)
  others({ tab: "t2", room: 7 })
  t.mock.timers.tick(50_000)
  say()
  assert.deepEqual(shown, [])

  t.mock.timers.tick(20_000)
  say()

  assert.deepEqual(shown, ["bob"])
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
  const { made, scroll, order } = timeline(async ({ after }) => ({ events: [line(after + 1)], more: true, head: after + 1 }))
  made.restart([line(1)])
  scroll.scrollTop = -5_000
  made.append(Array.from({ length: 999 }, (_, at) => line(at + 2)))
  made.append([line(1_001)])
  assert.equal(order().at(-1), 1_000)
  assert.equal(made.newest, 1_001)

  scroll.scrollTop = -300
  scroll.dispatchEvent(new Event("scroll"))
  await new Promise((resolve) => setImmediate(resolve))

  assert.equal(order().at(-1), 1_001)
})

test("a page that never got a connection says so", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] })
  const banner = sheet("div", {}, withSlots("p", "said", "more"), sheet("button", { "data-action": "retry" }))
  const app = sheet("main")
  const view = new ConnectionView({ label: sheet("span"), banner, app }, { isBehind: () => false, retry() {} })

  view.changed({ state: "connecting", isOpen: false, isOver: false })
  t.mock.timers.tick(10_000)
  view.paint()
  assert.equal(banner.hidden, true)
  t.mock.timers.tick(10_000)
  view.paint()

  assert.deepEqual([banner.hidden, app.classList.contains("is-stale")], [false, true])
})

test("who looked at a deployment before a cut is not said to look at it now", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const said = []
  const sent = []
  const watchers = new Watchers({ id: 1 }, { watched: (id, text) => said.push([id, text]) }, null, (frame) => sent.push(frame))
  watchers.look(5)
  watchers.heard({ s: "deployment:5", people: [{ id: 2, name: "bob" }] })

  watchers.renew()
  t.mock.timers.tick(300)

  assert.deepEqual(said.at(-1), [5, ""])
  assert.deepEqual(sent.at(-1), { t: "watch", deployment: 5 })
})

test("private answers that came during a long absence are shown, and call nobody", () => {
  const followed = new Map()
  const heard = []
  const wants = []
  const parts = {
    feed: { follow: (id, edges) => followed.set(id, edges) },
    news: { learn: (each) => wants.push(each), tellPrivate: () => assert.fail("called") },
    head: { learned() {} },
    privates: { heard: (event, { isNow }) => heard.push([event.q, isNow]) },
  }
  new RoomEvents({ room: { id: 7 }, you: { id: 1 } }, parts).follow()

  followed.get("person:1").restart({ last: [{ k: "reply", q: 3, d: {} }, { k: "alerts", q: 4, d: { on_call: true } }] })

  assert.deepEqual([heard, wants], [[[3, false]], [{ on_call: true }]])
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

test("what was said for a while stays when the line is back", () => {
  const { made, form } = composer()
  const said = () => form.querySelector('[data-slot="say"]').textContent

  made.say("messages wait", true)
  made.say("not run")
  made.say("", true)
  assert.equal(said(), "not run")
  made.say("")

  assert.equal(said(), "")
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
