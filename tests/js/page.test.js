import assert from "node:assert/strict"
import { test } from "node:test"
import { look, sheet, template, withSlots } from "./paper.js"
import { ConnectionView } from "../../static/js/connection_view.js"
import { EventView } from "../../static/js/event_view.js"
import { RoomEvents } from "../../static/js/room_events.js"
import { RoomHead } from "../../static/js/room_head.js"
import { Speaker } from "../../static/js/speaker.js"
import { Stream } from "../../static/js/stream.js"
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
