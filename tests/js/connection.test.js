import assert from "node:assert/strict"
import { mock, test } from "node:test"
import { backoff, Connection, PROBE_MS, REQUEST_MS, WELCOME_MS } from "../../static/js/connection.js"

/** A connection over transports that the test holds in its hands. */
function connection({ random = () => 0.5 } = {}) {
  const opened = []
  const states = []
  const heard = []
  const transport = (kind) => (edges) => {
    const line = { kind, edges, sent: [], isClosed: false }
    opened.push(line)
    return { send: (frame) => line.sent.push(frame), close: () => (line.isClosed = true) }
  }
  const made = new Connection(
    { socket: transport("socket"), poll: transport("poll") },
    { hello: () => ({ t: "hello" }), frame: (frame) => heard.push(frame), changed: (state) => states.push(state) },
    { random, now: () => Date.now() },
  )
  return { connection: made, opened, states, heard, line: () => opened.at(-1) }
}

const welcome = (line) => {
  line.edges.opened()
  line.edges.frame({ t: "welcome", heartbeat_ms: 1000, streams: [] })
}

function withTimers(name, act) {
  test(name, async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] })
    try {
      await act((ms) => mock.timers.tick(ms))
    } finally {
      mock.timers.reset()
    }
  })
}

withTimers("it says hello when the line opens and is live when it is welcomed", () => {
  const { connection: made, line, states } = connection()

  made.start()
  welcome(line())

  assert.deepEqual(line().sent, [{ t: "hello" }])
  assert.deepEqual(states, ["connecting", "live"])
})

withTimers("a closed line is opened again after a growing pause", (tick) => {
  const { connection: made, opened, line } = connection()
  made.start()
  welcome(line())

  line().edges.closed(1006)
  tick(249)
  assert.equal(opened.length, 1)
  tick(1)
  assert.equal(opened.length, 2)
  line().edges.closed(1006)

  assert.equal(made.state, "waiting")
  tick(500)
  assert.equal(opened.length, 3)
})

withTimers("silence ends a line, even one that never closes", (tick) => {
  const { connection: made, line, opened } = connection()
  made.start()
  welcome(line())

  tick(4_000)

  assert.ok(opened[0].isClosed)
  assert.notEqual(made.state, "live")
})

withTimers("a line that answers stays open", (tick) => {
  const { connection: made, line, opened } = connection()
  made.start()
  welcome(line())

  for (let each = 0; each < 10; each += 1) {
    tick(1_000)
    line().edges.frame({ t: "pong" })
  }

  assert.equal(opened.length, 1)
  assert.equal(made.state, "live")
})

withTimers("where no socket opens twice, it polls, and goes back when one does", (tick) => {
  const { connection: made, line, opened } = connection()
  made.start()
  line().edges.closed(1006)
  tick(300)
  line().edges.closed(1006)

  assert.equal(line().kind, "poll")
  welcome(line())
  assert.equal(made.state, "polling")

  tick(PROBE_MS)
  line().edges.opened()
  assert.equal(line().kind, "socket")
  welcome(line())

  assert.equal(made.state, "live")
  assert.ok(opened.filter((each) => each.kind === "poll").every((each) => each.isClosed))
})

withTimers("polling goes on until the socket that was tried is welcomed", (tick) => {
  const { connection: made, line, opened, heard } = connection()
  made.start()
  line().edges.closed(1006)
  tick(300)
  line().edges.closed(1006)
  welcome(line())
  const poll = line()

  tick(PROBE_MS)
  const silent = line()
  silent.edges.opened()
  tick(WELCOME_MS)
  assert.equal(made.state, "polling")
  assert.ok(silent.isClosed && !poll.isClosed)

  tick(PROBE_MS)
  const socket = line()
  socket.edges.opened()
  poll.edges.frame({ t: "event", q: 1 })
  socket.edges.frame({ t: "welcome", heartbeat_ms: 1000, streams: [] })
  socket.edges.frame({ t: "event", q: 2 })
  poll.edges.frame({ t: "event", q: 3 })

  assert.equal(made.state, "live")
  assert.ok(poll.isClosed)
  assert.deepEqual(
    heard.filter((frame) => frame.t === "event").map((frame) => frame.q),
    [1, 2],
  )
  made.send({ t: "read" })
  assert.deepEqual(socket.sent, [{ t: "hello" }, { t: "read" }])
  assert.equal(opened.filter((each) => each.kind === "poll").length, 1)
})

withTimers("a socket that is refused at once while polling is tried once a minute", (tick) => {
  const { connection: made, line, opened } = connection()
  made.start()
  line().edges.closed(1006)
  tick(300)
  line().edges.closed(1006)
  welcome(line())
  const before = opened.length

  for (let minute = 0; minute < 4; minute += 1) {
    tick(PROBE_MS)
    line().edges.closed(1006)
    tick(WELCOME_MS)
  }

  assert.equal(made.state, "polling")
  assert.equal(opened.length - before, 4)
})

withTimers("a socket that opens but is never welcomed counts as none", (tick) => {
  const { connection: made, line } = connection()
  made.start()
  line().edges.opened()
  tick(WELCOME_MS)
  tick(300)
  line().edges.opened()
  tick(WELCOME_MS)

  assert.equal(line().kind, "poll")
})

withTimers("what the page cannot make of a frame is no fault of the line", (tick) => {
  const reported = []
  globalThis.reportError = (error) => reported.push(error.message)
  const opened = []
  const transport = () => (edges) => (opened.push(edges), { send() {}, close() {} })
  const frame = ({ t }) => {
    if (t === "presence") throw new Error("broken")
  }
  const made = new Connection({ socket: transport() }, { hello: () => ({}), frame, changed() {} })
  made.start()
  welcome({ edges: opened[0] })

  opened[0].frame({ t: "presence" })
  tick(0)
  delete globalThis.reportError

  assert.deepEqual([made.state, reported], ["live", ["broken"]])
})

withTimers("an ended session is not tried again", (tick) => {
  const { connection: made, line, opened } = connection()
  made.start()
  welcome(line())

  line().edges.closed(4401)
  tick(120_000)

  assert.equal(made.state, "ended")
  assert.equal(opened.length, 1)
})

withTimers("trying by hand is at once, but not more than once a second", (tick) => {
  const { connection: made, line, opened } = connection({ random: () => 1 })
  made.start()
  tick(2_000)
  line().edges.closed(1006)
  made.retry()
  assert.equal(opened.length, 2)
  welcome(line())
  line().edges.closed(1006)

  made.retry()
  made.retry()

  assert.equal(opened.length, 2)
})

withTimers("an answer finds its question, and a refusal is an error with its code", async () => {
  const { connection: made, line } = connection()
  made.start()
  welcome(line())

  const first = made.request({ t: "range" })
  const second = made.request({ t: "snapshot" })
  const [asked, other] = line().sent.slice(-2)
  line().edges.frame({ t: "err", rid: other.rid, code: "not_found" })
  line().edges.frame({ t: "range", rid: asked.rid, head: 3 })

  assert.equal((await first).head, 3)
  await assert.rejects(second, { code: "not_found" })
})

withTimers("a question is given up when the line breaks, or when nobody answers", async (tick) => {
  const { connection: made, line } = connection()
  made.start()
  welcome(line())

  const broken = made.request({ t: "range" })
  line().edges.closed(1006)
  await assert.rejects(broken)

  tick(500)
  welcome(line())
  const unanswered = made.request({ t: "range" })
  for (let each = 0; each < REQUEST_MS / 1_000; each += 1) {
    line().edges.frame({ t: "head", streams: [] })
    tick(1_000)
  }
  await assert.rejects(unanswered)
})

test("the pause grows to half a minute, and is short after a planned restart", () => {
  const longest = [0, 1, 2, 3, 8, 20].map((failures) => backoff(failures, 1006, () => 1))

  assert.deepEqual(longest, [500, 1000, 2000, 4000, 30_000, 30_000])
  assert.equal(
    backoff(0, 1012, () => 1),
    3_000,
  )
  assert.equal(
    backoff(5, 1006, () => 0),
    0,
  )
})
