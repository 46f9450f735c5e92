import assert from "node:assert/strict"
import { test } from "node:test"

import { alertFor, isCalled } from "../../static/js/alerts.js"
import { amended } from "../../static/js/amend.js"
import { History } from "../../static/js/history.js"
import { calling } from "../../static/js/line.js"
import { News } from "../../static/js/news.js"
import { Presence } from "../../static/js/presence.js"
import { clock } from "../../static/js/ticker.js"
import { keyOf, linksIn } from "../../static/js/unfurl.js"

const me = { id: 1, name: "alice" }
const bob = { id: 2, name: "bob" }
const now = Date.parse("2026-11-27T10:00:00Z")

const said = (text, by = bob) => ({ k: "message", q: 9, by, d: { id: 5, text } })
const told = (code, params = {}) => ({ k: "announcement", q: 9, by: null, d: { id: 6, code, params, deployment: 42 } })

test("an edit and its repeat change the message and what quotes it, and nothing else", () => {
  const change = { k: "message.edited", at: "2026-11-27T10:00:01Z", d: { id: 5, text: "two" } }
  const quoting = { ...said("yes"), d: { id: 7, text: "yes", reply: { id: 5, q: 9, by: "bob", text: "one" } } }

  const once = amended(said("one"), change)

  assert.equal(once.d.text, "two")
  assert.equal(once.d.edited, change.at)
  assert.deepEqual(amended(once, change), once)
  assert.equal(amended(quoting, change).d.reply.text, "two")
  const other = said("else")
  assert.equal(amended(other, { ...change, d: { id: 8, text: "two" } }), other)
})

test("a message that was taken back has no text, here or where it is quoted", () => {
  const change = { k: "message.deleted", d: { id: 5 } }
  const quoting = { k: "message", d: { id: 7, text: "yes", reply: { id: 5, text: "one" } } }

  assert.deepEqual(amended(said("one"), change).d, { id: 5, text: "", deleted: true })
  assert.equal(amended(quoting, change).d.reply.text, "")
})

test("a room calls for what its level says", () => {
  const kinds = [
    said("hello"),
    said("@alice look"),
    told("announce.failed"),
    told("announce.finished"),
    told("announce.taken_over"),
  ]
  const called = (level) => kinds.map((event) => alertFor(event, 7, { levels: { 7: level } }, me, now)?.kind ?? null)

  assert.deepEqual(called("all"), ["message", "mention", "failed", "ended", "resumed"])
  assert.deepEqual(called("mentions"), [null, "mention", "failed", null, null])
  assert.deepEqual(called("nothing"), [null, null, null, null, null])
  assert.equal(alertFor(said("@alice", me), 7, { levels: { 7: "all" } }, me, now), null)
})

test("who is on call hears failures and approvals in any room, and a muted app nowhere", () => {
  const wants = { levels: { 7: "nothing" }, on_call: true, muted: { api: "2026-11-27T11:00:00Z" } }

  assert.deepEqual(alertFor(told("announce.awaiting_approval", { app: "shop" }), 7, wants, me, now), {
    kind: "asks",
    isUrgent: true,
    tag: "deployment-42",
  })
  assert.equal(alertFor(told("announce.failed", { app: "api" }), 7, wants, me, now), null)
  assert.equal(alertFor(told("announce.failed", { app: "api" }), 7, wants, me, now + 2 * 3_600_000).kind, "failed")
})

test("what one watches is told whatever the level", () => {
  const wants = { levels: { 7: "nothing" }, watching: [{ app: "shop", environment: "production" }] }
  const finished = (environment) => told("announce.finished", { app: "shop", environment })

  assert.equal(alertFor(finished("production"), 7, wants, me, now).kind, "ended")
  assert.equal(alertFor(finished("staging"), 7, wants, me, now), null)
})

test("one is called by name, as everybody, and on duty", () => {
  const names = ["alice", "here", "oncall", "bob"]

  assert.deepEqual(names.map((name) => isCalled(name, me, {})), [true, true, false, false])
  assert.equal(isCalled("oncall", me, { on_call: true }), true)
  assert.equal(isCalled("all", me, {}), false) // the server counts no such call
})

test("links into logs are found, of this site only", () => {
  const page = "/deployments/0/log/STEP/"
  const origin = "https://ship.example"
  const text = `see ${origin}/deployments/5/log/restart:web-1/#L88-L91, ${origin}/deployments/5/log/build/#L3.
    https://other.example/deployments/5/log/build/#L1`

  const found = linksIn(text, page, origin)

  assert.deepEqual(found.map(keyOf), ["5/restart:web-1/88/91", "5/build/3/0"])
})

test("a link that was cut in the middle of a character names the step as it stands", () => {
  const found = linksIn("https://ship.example/deployments/5/log/100%/#L3", "/deployments/0/log/STEP/", "https://ship.example")

  assert.deepEqual(found.map(keyOf), ["5/100%/3/0"])
})

test("a name is being called at the caret, and an address is not", () => {
  assert.equal(calling("hi @al", 6), true)
  assert.equal(calling("@", 1), true)
  assert.equal(calling("mail al@ex", 10), false)
  assert.equal(calling("@alice ", 7), false)
})

test("earlier commands of other devices come before one's own, and are found by a part", () => {
  const history = new History("x", null)
  history.add("/deploy shop to staging")
  history.learn(["/status", "/deploy shop to staging", "/apps"])

  assert.equal(history.older(""), "/deploy shop to staging")
  assert.deepEqual(history.find("stat"), { line: "/status", at: 0 })
  assert.deepEqual(history.find("a", 2), { line: "/apps", at: 1 })
  assert.equal(history.find("nothing"), null)
})

test("who types for long is shown until they stop", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] })
  const shown = []
  const presence = new Presence({ avatars: [] }, "alice", (names) => shown.push(names))

  presence.showTyping([{ id: 2, name: "bob" }])
  t.mock.timers.tick(30_000)
  assert.deepEqual(shown.at(-1), ["bob"])

  presence.showTyping([])
  assert.deepEqual(shown.at(-1), [])
})

test("what is told to one person alone calls them wherever they are, and leads to its deployment", () => {
  const calls = []
  const urls = { deploymentPage: (id) => `/deployments/${id}/`, room: () => "" }
  const news = new News(me, {}, { speaker: { say: (call) => calls.push(call) }, notify: { add() {}, urge() {} }, urls })
  const event = { k: "reply", q: 3, d: { for_cid: "", code: "announce.failed", params: {}, deployment: 7 } }

  news.tellPrivate(event)
  news.tellPrivate({ ...event, d: { ...event.d, for_cid: "c1" } }) // the answer to a line of theirs

  assert.deepEqual(calls.map(({ room, url, isUrgent }) => [room, url, isUrgent]), [[null, "/deployments/7/", true]])
})

test("what happened behind a closed lid is counted and calls nobody", (t) => {
  const calls = []
  const counted = []
  const edges = {
    speaker: { say: ({ body }) => calls.push(body) },
    notify: { add() {}, urge: (mark) => counted.push(mark) },
    urls: { room: () => "" },
  }
  const news = new News(me, { levels: { 7: "all" } }, edges)
  const at = (ago) => new Date(Date.now() - ago).toISOString()
  clock.hold(Date.now() - 3_600_000) // the page shows a past moment: what happens meanwhile happens now
  t.after(() => clock.hold(null))

  news.tell([{ ...said("@alice hour"), at: at(3_600_000) }, { ...said("@alice now"), at: at(1_000) }], { id: 7, slug: "demo" })

  assert.deepEqual(calls, ["@alice now"])
  assert.deepEqual(counted, ["@bob", "@bob"])
})
