// What counts up on the page: one timer a second for all elements that show a running time.

import { contain } from "./contain.js"
import { Clock, elapsed, took } from "./time.js"
import { setText } from "./dom.js"

export const clock = new Clock()
const running = new Map()
const acts = new Set()
let timer = null

/** Show how long something took or is taking; `from` and `to` are ISO times, `to` null while it runs. */
export function showTook(element, from, to) {
  running.delete(element)
  if (!from) setText(element, "")
  else if (to) setText(element, took(Date.parse(to) - Date.parse(from)))
  else {
    running.set(element, Date.parse(from))
    setText(element, elapsed(clock.now() - Date.parse(from)))
    start()
  }
}

/** Run `act` with every tick until the returned function is called. */
export function everySecond(act) {
  acts.add(act)
  start()
  return () => acts.delete(act)
}

function start() {
  timer ??= setInterval(tick, 1000)
}

function tick() {
  for (const act of acts) contain(act)
  for (const [element, from] of running) {
    if (element.isConnected) setText(element, elapsed(clock.now() - from))
    else running.delete(element)
  }
  if (running.size + acts.size > 0) return
  clearInterval(timer)
  timer = null
}
