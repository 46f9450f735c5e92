import assert from "node:assert/strict"
import { test } from "node:test"
import "./paper.js"
import { Lookout } from "../../static/js/lookout.js"

const turn = () => new Promise((resolve) => setImmediate(resolve))

test("a picture that could not be drawn counts as none: it is asked for again, and what is shown grows old", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] })
  const reported = []
  globalThis.reportError = (error) => reported.push(error.message)
  t.after(() => delete globalThis.reportError)
  const tags = []
  globalThis.XMLHttpRequest = class {
    open() {}
    setRequestHeader(_, tag) {
      tags.push(tag)
    }
    getResponseHeader() {
      return "v1"
    }
    send() {
      Object.assign(this, { status: 200, response: {} })
      this.onload()
    }
  }
  let isBroken = true
  const broken = () => {
    throw new Error("broken")
  }
  const lookout = new Lookout({ address: "/wall/tiles/", kind: "json", everyMs: 1_000 }, {
    take: () => isBroken && broken(),
    answered: () => isBroken && broken(),
  })

  lookout.ask()
  for (let second = 0; second < 5; second += 1) {
    await turn()
    t.mock.timers.tick(1_000)
  }
  assert.equal(lookout.isLost, true)
  assert.deepEqual(tags, [])
  assert.ok(reported.length >= 8)
  isBroken = false
  for (let second = 0; second < 2; second += 1) {
    await turn()
    t.mock.timers.tick(1_000)
  }

  assert.equal(lookout.isLost, false)
  assert.equal(tags[0], "v1")
})

test("a look that failed is taken again soon, however seldom one looks", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] })
  let asked = 0
  globalThis.XMLHttpRequest = class {
    open() {}
    getResponseHeader() {}
    send() {
      asked += 1
      Object.assign(this, { status: asked < 3 ? 503 : 200, response: {} })
      this.onload()
    }
  }
  const lookout = new Lookout({ address: "cells/", kind: "json", everyMs: 600_000 }, { take() {}, answered() {} })

  lookout.ask()
  for (const ms of [2_000, 4_000, 60_000]) {
    await turn()
    t.mock.timers.tick(ms)
  }
  await turn()

  assert.equal(asked, 3)
})
