// One stream, in order and without holes. It knows numbers and gaps, nothing of sockets or the page.
//
// An event is applied when its number is the cursor's next. A lower one is a duplicate; a higher one waits in a
// buffer while the missing ones are fetched. As long as the head is ahead, one request is outstanding.

import { contain } from "./contain.js"

const RETRY_FIRST_MS = 500
const RETRY_LAST_MS = 10_000

/** How long to wait after try number `failures` (from 0) before a question is asked again. */
export function pause(failures) {
  return Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** failures)
}

/** Further behind than this, the newest part is shown first and the gap is named. */
export const TOO_FAR = 500

export class Stream {
  q = 0
  e = null
  head = 0
  #isOpen = false
  #isFetching = false
  #isStarting = false
  #generation = 0
  #fruitless = 0
  #failures = 0
  #waiting = new Map()
  #edges
  #timer = null

  /**
   * `edges.apply(events)` gets the next events in order. `edges.range(after)` and `edges.snapshot()` resolve to the
   * server's answers and reject when it could not be asked; `edges.restart(snapshot)` replaces all that was shown.
   */
  constructor(edges, { e = null, q = 0 } = {}) {
    this.#edges = edges
    this.e = e
    this.q = q
    this.head = q
  }

  /** Connected: the server says which life the stream is in, and how far it goes. */
  opened({ e, head, floor = 1 }) {
    this.#generation += 1
    this.#isOpen = true
    this.#isFetching = false
    this.#isStarting = false
    this.#fruitless = 0
    clearTimeout(this.#timer)
    const isOther = this.e !== null && e !== this.e
    const isTooFar = head - this.q > TOO_FAR || this.q < floor - 1
    const isNew = this.e === null && head > 0
    if (isNew || isOther || isTooFar || head < this.q) return void this.#start()
    this.e = e
    this.sawHead(head)
  }

  /** Disconnected: what was asked for will not be answered. */
  closed() {
    this.#generation += 1
    this.#isOpen = false
    this.#isFetching = false
    this.#isStarting = false
    this.#waiting.clear()
    clearTimeout(this.#timer)
  }

  /** An event came, or several: in order or not, once or twice. */
  offer(...events) {
    for (const event of events) {
      if (event.e && this.e && event.e !== this.e) return void this.#restart()
      if (event.q > this.q) this.#waiting.set(event.q, event)
      if (event.q > this.head) this.head = event.q
    }
    this.#drain()
    this.#pull()
  }

  /** The server says how far the stream goes. */
  sawHead(head) {
    if (head > this.head) this.head = head
    this.#pull()
  }

  /** The stream began a new life, or lost its oldest part. */
  reset() {
    if (this.#isOpen) this.#restart()
  }

  get isBehind() {
    return this.head > this.q
  }

  #drain() {
    const next = []
    for (let event; (event = this.#waiting.get(this.q + 1));) {
      this.#waiting.delete(event.q)
      this.q = event.q
      next.push(event)
    }
    if (next.length) contain(() => this.#edges.apply(next))
    return next.length
  }

  #pull() {
    if (!this.#isOpen || this.#isFetching || !this.isBehind) return
    if (this.#fruitless >= 2) return void this.#start()
    this.#ask(
      () => this.#edges.range(this.q),
      (answer) => {
        for (const event of answer.events) if (event.q > this.q) this.#waiting.set(event.q, event)
        if (answer.head > this.head) this.head = answer.head
        this.#fruitless = this.#drain() ? 0 : this.#fruitless + 1
        this.#pull()
      },
      () => this.#pull(),
    )
  }

  // Word of a new life comes with every frame of it: a picture that is on its way is waited for.
  #restart() {
    if (!this.#isStarting) this.#start()
  }

  // Ranges would be too long, or led nowhere: the newest part as it is now, and on from there.
  #start() {
    this.#generation += 1
    this.#isStarting = true
    this.#ask(
      () => this.#edges.snapshot(),
      (answer) => {
        this.#isStarting = false
        const first = answer.last[0]?.q ?? answer.q + 1
        const missed = this.e === answer.e ? Math.max(0, first - this.q - 1) : 0
        this.e = answer.e
        this.q = answer.q
        this.#fruitless = 0
        for (const [q, event] of this.#waiting) if (q <= this.q || event.e !== this.e) this.#waiting.delete(q)
        this.head = Math.max(this.q, ...this.#waiting.keys())
        contain(() => this.#edges.restart(answer, missed))
        this.#drain()
        this.#pull()
      },
      () => this.#start(),
    )
  }

  async #ask(question, use, again) {
    this.#isFetching = true
    const generation = this.#generation
    let answer = null
    try {
      answer = await question()
    } catch {
      if (generation === this.#generation) this.#later(again)
      return
    }
    if (generation !== this.#generation) return // an answer to an older connection
    this.#isFetching = false
    this.#failures = 0
    use(answer)
  }

  #later(again) {
    const wait = pause(this.#failures)
    this.#failures += 1
    this.#timer = setTimeout(() => {
      this.#isFetching = false
      again()
    }, wait)
  }
}
