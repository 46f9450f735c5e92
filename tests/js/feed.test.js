import assert from "node:assert/strict"
import { test } from "node:test"
import { Asking, Excerpts } from "../../static/js/asking.js"
import { ConnectionLost } from "../../static/js/connection.js"
import { Feed } from "../../static/js/feed.js"

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A feed over a line that answers by `answers[type]`. */
function feed(answers = {}) {
  const asked = []
  let joins = 0
  const made = new Feed({ tab: "t1", lang: "en" }, () => (joins += 1))
  made.use({
    isOpen: true,
    send: (frame) => asked.push(frame),
    request: async (frame) => {
      asked.push(frame)
      return answers[frame.t](frame)
    },
  })
  return { made, asked, joins: () => joins }
}

const silent = { apply() {}, restart() {} }

test("a hello goes on where each stream was, and is present in its room", () => {
  const made = new Feed({ tab: "t1", lang: "en", room: "room:7" })
  made.use({ isOpen: false })
  made.follow("room:7", silent, { e: "k1", q: 40 })
  made.follow("room:8", silent, { e: "k1", q: 2 }) // for its news only
  made.follow("deployment:5", silent)

  const { resume, want } = made.hello()

  assert.deepEqual(resume, [
    { s: "room:7", e: "k1", q: 40 },
    { s: "room:8", e: "k1", q: 2 },
  ])
  assert.deepEqual(want, ["room:7", "deployment:5"])
})

test("a stream that the welcome leaves out is asked for by itself", async () => {
  const { made, asked, joins } = feed({ sub: ({ s }) => ({ s, e: "k1", head: 40, floor: 1 }) })
  made.follow("room:7", silent, { e: "k1", q: 40 })
  asked.length = 0

  made.frame({ t: "welcome", streams: [] })
  await turn()

  assert.deepEqual(asked, [{ t: "sub", s: "room:7" }])
  assert.ok(joins() > 0)
})

test("frames find their stream, and lines of a log count as events", async () => {
  const heard = []
  const { made } = feed({ sub: ({ s }) => ({ s, e: "k1", head: 2, floor: 1 }) })
  made.follow(
    "log:9",
    { ...silent, apply: (lines) => heard.push(...lines.map((line) => line.text)) },
    { e: "k1", q: 2 },
  )
  await turn()

  made.frame({
    t: "log",
    s: "log:9",
    e: "k1",
    first: 3,
    lines: [
      [1, "o", "three"],
      [2, "e", "four"],
    ],
    eof: false,
  })
  made.frame({ t: "event", s: "log:8", e: "k1", q: 3 })

  assert.deepEqual(heard, ["three", "four"])
})

test("who may not see a stream any more is told, and it is followed no longer", async () => {
  let gone = 0
  const refused = () => Promise.reject(Object.assign(new Error(), { code: "not_found" }))
  const { made } = feed({ sub: refused })

  made.follow("deployment:5", { ...silent, gone: () => (gone += 1) })
  await turn()
  assert.ok(!made.isFollowing("deployment:5"))
  made.follow("room:7", { ...silent, gone: () => (gone += 1) }, { e: "k1", q: 1 })
  made.frame({ t: "reset", s: "room:7", reason: "access" })

  assert.equal(gone, 2)
})

test("a stream that could not be followed is asked for again, not before the server's time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const refusals = [new Error("no answer"), Object.assign(new Error(), { code: "rate_limited", frame: { retry_after_ms: 3_000 } })]
  const sub = ({ s }) => (refusals.length ? Promise.reject(refusals.shift()) : { s, e: "k1", head: 1, floor: 1 })
  const { made, asked } = feed({ sub, snapshot: () => ({ e: "k1", q: 1, last: [], state: {} }) })
  const subs = () => asked.filter((frame) => frame.t === "sub").length

  made.follow("deployment:5", silent)
  await turn()
  t.mock.timers.tick(500)
  await turn()
  assert.equal(subs(), 2)
  t.mock.timers.tick(2_999)
  await turn()
  assert.equal(subs(), 2)
  t.mock.timers.tick(1)
  await turn()

  assert.deepEqual(asked.map((frame) => frame.t), ["sub", "sub", "sub", "snapshot"])
})

test("a refusal that would come again is not asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { made, asked } = feed({ sub: () => Promise.reject(Object.assign(new Error(), { code: "bad_frame" })) })

  made.follow("deployment:5", silent)
  await turn()
  t.mock.timers.tick(60_000)
  await turn()

  assert.equal(asked.length, 1)
})

test("a stream that is left meanwhile is not asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { made, asked } = feed({ sub: () => Promise.reject(new Error("no answer")) })

  made.follow("deployment:5", silent)
  await turn()
  made.leave("deployment:5")
  t.mock.timers.tick(60_000)
  await turn()

  assert.deepEqual(asked.map((frame) => frame.t), ["sub", "unsub"])
})

test("a question that a cut left without an answer is put again when the line is back", async () => {
  let isOpen = true
  const answers = [() => ((isOpen = false), Promise.reject(new ConnectionLost())), () => "found"]
  const asking = new Asking({ ask: async () => answers.shift()() }, () => isOpen)

  const answer = asking.ask({ t: "range" })
  await turn()
  isOpen = true
  asking.opened()

  assert.equal(await answer, "found")
})

test("an excerpt that nobody answered is asked for again", async () => {
  const answers = [() => Promise.reject(new Error("unavailable")), async () => ({ events: [{ q: 3, c: "e", text: "boom" }] })]
  const excerpts = new Excerpts({ ask: () => answers.shift()() })
  const step = { step_id: 9, lines: 3 }

  await assert.rejects(excerpts.of(step))

  assert.equal((await excerpts.of(step)).text, "boom")
})

test("other frames go to whoever asked for their type", () => {
  const { made } = feed()
  const heard = []
  made.on("ack", (frame) => heard.push(frame.cid))

  made.frame({ t: "ack", cid: "c1" })
  made.frame({ t: "something new" })

  assert.deepEqual(heard, ["c1"])
})
