import assert from "node:assert/strict"
import { test } from "node:test"
import { Stream, TOO_FAR } from "../../static/js/stream.js"

const event = (q, e = "k1") => ({ q, e, text: `line ${q}` })
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A stream over a log that grows; `asked` notes every question. */
function following(log, at) {
  const asked = []
  const shown = []
  const answers = []
  const stream = new Stream(
    {
      apply: (events) => shown.push(...events.map((each) => each.q)),
      range: (after) => ask(`range ${after}`, () => log.filter((each) => each.q > after).slice(0, 200)),
      snapshot: () => ask("snapshot", () => log.slice(-100)),
      restart: (picture, missed) => {
        shown.length = 0
        shown.push(...picture.last.map((each) => each.q))
        answers.push(missed)
      },
    },
    at,
  )
  function ask(question, events) {
    asked.push(question)
    const head = log.at(-1)?.q ?? 0
    return Promise.resolve({ e: log.at(-1)?.e ?? "k1", head, q: head, events: events(), last: events(), state: {} })
  }
  return { stream, shown, asked, missed: answers }
}

const upTo = (last, e) => Array.from({ length: last }, (_, index) => event(index + 1, e))

test("events are applied in order and once, however they come", async () => {
  const { stream, shown } = following(upTo(0), { e: "k1", q: 0 })
  stream.opened({ e: "k1", head: 0 })

  for (const q of [2, 1, 1, 3, 2]) stream.offer(event(q))

  assert.deepEqual(shown, [1, 2, 3])
})

test("a gap is asked for and filled, and what waited behind it follows", async () => {
  const log = upTo(5)
  const { stream, shown, asked } = following(log, { e: "k1", q: 2 })
  stream.opened({ e: "k1", head: 2 })

  stream.offer(event(5))
  await turn()

  assert.deepEqual(shown, [3, 4, 5])
  assert.deepEqual(asked, ["range 2"])
})

test("a head that was not reached is asked for, and only one question is out at a time", async () => {
  const { stream, shown, asked } = following(upTo(4), { e: "k1", q: 0 })
  stream.opened({ e: "k1", head: 4 })
  stream.sawHead(4)

  await turn()

  assert.deepEqual(shown, [1, 2, 3, 4])
  assert.deepEqual(asked, ["range 0"])
})

test("an answer to an older connection is discarded", async () => {
  let answer = null
  const shown = []
  const stream = new Stream(
    { apply: (events) => shown.push(...events), range: () => new Promise((resolve) => (answer = resolve)) },
    { e: "k1", q: 0 },
  )
  stream.opened({ e: "k1", head: 2 })
  stream.closed()

  answer({ e: "k1", head: 2, events: [event(1), event(2)] })
  await turn()

  assert.deepEqual(shown, [])
  assert.equal(stream.q, 0)
})

test("a stream nobody has begins with a picture", async () => {
  const { stream, shown, asked } = following(upTo(3))

  stream.opened({ e: "k1", head: 3 })
  await turn()

  assert.deepEqual(asked, ["snapshot"])
  assert.deepEqual(shown, [1, 2, 3])
})

test("a new life of the stream drops what was known", async () => {
  const { stream, asked } = following(upTo(2, "k2"), { e: "k1", q: 40 })

  stream.opened({ e: "k2", head: 2 })
  await turn()

  assert.deepEqual(asked, ["snapshot"])
  assert.equal(stream.q, 2)
  stream.offer(event(41, "k1"))
  await turn()
  assert.equal(stream.q, 2)
})

test("too far behind, the newest part is shown and the gap is counted", async () => {
  const { stream, shown, asked, missed } = following(upTo(TOO_FAR + 200), { e: "k1", q: 10 })

  stream.opened({ e: "k1", head: TOO_FAR + 200 })
  await turn()

  assert.deepEqual(asked, ["snapshot"])
  assert.equal(shown[0], TOO_FAR + 101)
  assert.deepEqual(missed, [TOO_FAR + 90])
})

test("two questions without progress lead to a picture, not to a closed connection", async () => {
  const asked = []
  const stream = new Stream(
    {
      apply() {},
      restart() {},
      range: async () => asked.push("range") && { e: "k1", head: 9, events: [] },
      snapshot: async () => asked.push("snapshot") && { e: "k1", q: 9, last: [], state: {} },
    },
    { e: "k1", q: 3 },
  )

  stream.opened({ e: "k1", head: 9 })
  for (let each = 0; each < 8; each += 1) await turn()

  assert.deepEqual(asked, ["range", "range", "snapshot"])
  assert.equal(stream.q, 9)
})

test("a cursor beyond the head is not believed", async () => {
  const { stream, asked } = following(upTo(2), { e: "k1", q: 7 })

  stream.opened({ e: "k1", head: 2 })
  await turn()

  assert.deepEqual(asked, ["snapshot"])
  assert.equal(stream.q, 2)
})

test("whatever a lossy line does, the log is shown whole, in order and once", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = generator(seed)
    const log = []
    const { stream, shown } = following(log, { e: "k1", q: 0 })
    stream.opened({ e: "k1", head: 0 })
    for (let each = 0; each < 60; each += 1) {
      log.push(event(log.length + 1))
      const fate = random()
      if (fate < 0.5) stream.offer(log.at(-1))
      else if (fate < 0.65 && log.length > 3) stream.offer(log.at(-3))
      else if (fate < 0.8) stream.closed()
      if (random() < 0.3) stream.opened({ e: "k1", head: log.length })
      if (random() < 0.3) await turn()
    }
    stream.opened({ e: "k1", head: log.length })
    await turn()
    await turn()

    assert.deepEqual(
      shown,
      upTo(60).map((each) => each.q),
      `seed ${seed}`,
    )
  }
})

function generator(seed) {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  }
}

test("frames of a new life do not put off the picture of it that is on its way", async () => {
  let answer
  const shown = []
  const asked = []
  const snapshot = () => (asked.push("snapshot"), new Promise((resolve) => (answer = resolve)))
  const stream = new Stream({ apply() {}, snapshot, restart: ({ q }) => shown.push(q) }, { e: "k1", q: 5 })
  stream.opened({ e: "k1", head: 5 })

  for (const q of [1, 2]) stream.offer(event(q, "k2"))
  stream.reset()
  answer({ e: "k2", q: 2, last: [event(1, "k2"), event(2, "k2")], state: {} })
  await turn()

  assert.deepEqual([asked, shown, stream.e], [["snapshot"], [2], "k2"])
})
