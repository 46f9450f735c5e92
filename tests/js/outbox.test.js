import assert from "node:assert/strict"
import { test } from "node:test"
import { COMMAND_TTL_MS, MESSAGE_TTL_MS, Outbox, RESEND_MS } from "../../static/js/outbox.js"

function outbox() {
  const time = { now: 1_000_000 }
  return { box: new Outbox(() => time.now), pass: (ms) => (time.now += ms) }
}

const message = { kind: "message", room: 7, text: "hello" }
const command = { kind: "command", room: 7, text: "/deploy shop to staging" }

test("a line goes out once, and again under the same id when nobody answers", () => {
  const { box, pass } = outbox()
  box.add("c1", message)

  assert.deepEqual(box.due(), [{ t: "message", cid: "c1", room: 7, text: "hello" }])
  assert.deepEqual(box.due(), [])
  pass(RESEND_MS)
  assert.equal(box.due()[0].cid, "c1")
})

test("a new connection sends all that is left", () => {
  const { box } = outbox()
  box.add("c1", message)
  box.add("c2", message)
  box.due()
  box.settle("c1")

  box.reconnected()

  assert.deepEqual(
    box.due().map((frame) => frame.cid),
    ["c2"],
  )
})

test("a command says how old it is, and never fires late", () => {
  const { box, pass } = outbox()
  box.add("c1", command)
  pass(4_000)
  assert.equal(box.due()[0].age_ms, 4_000)

  pass(COMMAND_TTL_MS)
  box.reconnected()

  assert.deepEqual(box.due(), [])
  assert.deepEqual(
    box.expired().map((item) => item.text),
    [command.text],
  )
  assert.equal(box.size, 0)
})

test("a message waits for minutes, then it is its author's again", () => {
  const { box, pass } = outbox()
  box.add("c1", message)
  pass(MESSAGE_TTL_MS)
  assert.deepEqual(box.expired(), [])
  assert.equal(box.due().length, 1)

  pass(1)

  assert.equal(box.expired()[0].cid, "c1")
})

test("an answer settles a line once", () => {
  const { box } = outbox()
  box.add("c1", message)

  assert.equal(box.settle("c1").text, "hello")
  assert.equal(box.settle("c1"), undefined)
})

test("a command that got no answer is asked about, and runs once whoever sends it again", () => {
  const { box, pass } = outbox()
  box.add("c1", command)
  box.due()
  pass(COMMAND_TTL_MS + 1)

  assert.equal(box.expired()[0].wasSent, true)
  const [question] = box.due()
  assert.deepEqual(question, { t: "message", cid: "c1", room: 7, text: command.text, age_ms: COMMAND_TTL_MS + 1 })
  assert.deepEqual(box.due(), [])
  box.reconnected()
  assert.equal(box.due().length, 1)
  box.unknown("c1")
  box.reconnected()
  assert.deepEqual(box.due(), [])

  assert.equal(box.again(command.text), "c1")
  assert.equal(box.again(command.text), undefined)
})

test("what never went out is in no doubt", () => {
  const { box, pass } = outbox()
  box.add("c1", command)
  pass(COMMAND_TTL_MS + 1)

  assert.equal(box.expired()[0].wasSent, false)
  assert.equal(box.isInDoubt("c1"), false)
  assert.equal(box.again(command.text), undefined)
})

test("so many lines are kept in doubt, and a message is not asked about", () => {
  const { box, pass } = outbox()
  for (let each = 0; each < 25; each += 1) box.add(`c${each}`, message)
  box.due()
  pass(MESSAGE_TTL_MS + 1)
  box.expired()

  assert.deepEqual([box.isInDoubt("c4"), box.isInDoubt("c5"), box.isInDoubt("c24")], [false, true, true])
  box.reconnected()
  assert.deepEqual(box.due(), [])
  assert.equal(box.settle("c24").text, "hello")
  assert.equal(box.isInDoubt("c24"), false)
})
