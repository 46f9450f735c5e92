// The line to the server: a socket, or long polling where sockets do not get through. It opens, listens for silence,
// waits and tries again; what the frames mean is not its business.

import { contain } from "./contain.js"

export const WELCOME_MS = 5_000
export const PROBE_MS = 60_000
export const REQUEST_MS = 10_000
const BACKOFF_FIRST_MS = 500
const BACKOFF_LAST_MS = 30_000
const RESTART_JITTER_MS = 3_000
const SILENCE = 2.5

/** Closes that no new try will heal. */
const FINAL = { 4401: "ended", 4403: "removed", 4426: "outdated" }

/** How long to wait before try number `failures` (from 0): full jitter, and a short one after a planned restart. */
export function backoff(failures, code, random = Math.random) {
  if (code === 1012 && failures === 0) return random() * RESTART_JITTER_MS
  return random() * Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** failures)
}

export class ConnectionLost extends Error {}

/** The server said no: `code` is one of the protocol's. */
export class Refused extends Error {
  constructor(frame) {
    super(frame.msg ?? frame.code)
    this.frame = frame
    this.code = frame.code
  }
}

/**
 * `state` is `connecting`, `live`, `polling`, `waiting` (with `retryAt`), `ended`, `removed` or `outdated`.
 * A transport is `open({opened, frame, closed}) -> {send(frame), close()}`.
 */
export class Connection {
  state = "connecting"
  retryAt = null
  #transports
  #edges
  #line = null
  #probing = null
  #isPolling = false
  #generation = 0
  #failures = 0
  #unopened = 0
  #heardAt = 0
  #triedAt = -Infinity
  #heartbeatMs = 15_000
  #timers = new Set()
  #requests = new Map()
  #rid = 0

  /** `edges`: `hello()` gives the first frame, `frame(frame)` gets all others, `changed(state)` hears of the state. */
  constructor(transports, edges, { now = Date.now, random = Math.random, heartbeatMs = 15_000 } = {}) {
    this.#transports = transports
    this.#edges = edges
    this.#heartbeatMs = heartbeatMs
    this.now = now
    this.random = random
  }

  start() {
    this.#open()
  }

  get isOpen() {
    return this.state === "live" || this.state === "polling"
  }

  /** Whether no new try will heal it. */
  get isOver() {
    return Object.values(FINAL).includes(this.state)
  }

  /** Try at once (a button, the network is back, the page is looked at again), but not more than once a second. */
  retry() {
    if (this.state !== "waiting" || this.now() - this.#triedAt < 1_000) return
    this.#open()
  }

  /** Send if the line is open; a durable frame is the outbox's business, the others may be lost. */
  send(frame) {
    if (!this.isOpen) return false
    this.#line.send(frame)
    return true
  }

  /** Ask: resolves to the answer with the same `rid`. */
  request(frame) {
    if (!this.isOpen) return Promise.reject(new ConnectionLost())
    this.#rid += 1
    const rid = `r${this.#rid}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#answer(rid, null, new ConnectionLost("no answer")), REQUEST_MS)
      this.#requests.set(rid, { resolve, reject, timer })
      this.#line.send({ ...frame, rid })
    })
  }

  /** Leave for good: `removed` where the reader may not be any more. */
  close(state = "ended") {
    this.#drop()
    this.#set(state)
  }

  #open() {
    this.#drop()
    this.#triedAt = this.now()
    this.retryAt = null
    if (!this.isOpen) this.#set("connecting")
    this.#connect(this.#isPolling ? "poll" : "socket")
  }

  #connect(kind) {
    const generation = (this.#generation += 1)
    const isMine = () => generation === this.#generation
    const line = this.#transports[kind]({
      opened: () => isMine() && line.send(this.#edges.hello()),
      frame: (frame) => isMine() && this.#heard(frame, kind),
      closed: (code) => isMine() && this.#closed(code),
    })
    this.#line = line
    this.#after(WELCOME_MS, () => !this.isOpen && this.#closed(0))
  }

  #heard(frame, kind) {
    this.#heardAt = this.now()
    if (frame.t === "welcome") this.#welcome(frame, kind)
    if (frame.t !== "bye" && frame.rid && this.#requests.has(frame.rid)) {
      this.#answer(frame.rid, frame, frame.t === "err" ? new Refused(frame) : null)
    } else contain(() => this.#edges.frame(frame)) // what the page makes of it is no fault of the line
  }

  #welcome(frame, kind) {
    this.#clearTimers()
    this.#failures = 0
    this.#unopened = 0
    this.#heartbeatMs = frame.heartbeat_ms ?? this.#heartbeatMs
    this.#set(kind === "poll" ? "polling" : "live")
    if (kind === "poll") this.#after(PROBE_MS, () => this.#probe())
    else this.#beat()
  }

  #beat() {
    this.#after(this.#heartbeatMs, () => {
      if (this.now() - this.#heardAt > SILENCE * this.#heartbeatMs) return void this.#closed(0)
      this.#line.send({ t: "ping", n: this.now() })
      this.#beat()
    })
  }

  // While polling works, look whether a socket would, and go on polling until one was welcomed: switching over loses
  // nothing, because cursors do not care by which way an event came.
  #probe() {
    let generation = 0 // of the connection that this socket is, once it is that
    const isMine = () => generation === this.#generation
    const fail = () => {
      this.#probing = null
      probe.close()
      this.#after(PROBE_MS, () => this.#probe())
    }
    const probe = this.#transports.socket({
      opened: () => probe.send(this.#edges.hello()),
      frame: (frame) => {
        if (frame.t === "welcome" && !generation && probe === this.#probing) {
          this.#probing = null
          this.#drop()
          generation = this.#generation
          this.#isPolling = false
          this.#line = probe
        }
        if (isMine()) this.#heard(frame, "socket")
      },
      closed: (code) => {
        if (generation) return void (isMine() && this.#closed(code))
        if (probe === this.#probing) fail()
      },
    })
    this.#probing = probe
    this.#after(WELCOME_MS, () => probe === this.#probing && fail())
  }

  #closed(code) {
    const wasOpen = this.isOpen
    this.#drop()
    if (FINAL[code]) return void this.#set(FINAL[code])
    if (!wasOpen && !this.#isPolling) this.#unopened += 1
    if (this.#unopened >= 2) {
      this.#isPolling = true
      this.#unopened = 0
      return void this.#open()
    }
    if (!wasOpen && this.#isPolling && this.#failures >= 1) this.#isPolling = false // neither works: begin again
    const wait = backoff(this.#failures, code, this.random)
    this.#failures += 1
    this.retryAt = this.now() + wait
    this.#set("waiting")
    this.#after(wait, () => this.#open())
  }

  #drop() {
    this.#generation += 1
    this.#clearTimers()
    this.#line?.close()
    this.#probing?.close()
    this.#line = this.#probing = null
    for (const rid of [...this.#requests.keys()]) this.#answer(rid, null, new ConnectionLost())
  }

  #answer(rid, frame, error) {
    const request = this.#requests.get(rid)
    if (!request) return
    this.#requests.delete(rid)
    clearTimeout(request.timer)
    if (error) request.reject(error)
    else request.resolve(frame)
  }

  #set(state) {
    const before = this.state
    this.state = state
    this.#edges.changed(state, before)
  }

  #after(ms, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
  }

  #clearTimers() {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
