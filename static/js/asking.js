// Questions to the server that may be put before the line is open: they wait for it.

import { ConnectionLost } from "./connection.js"
import { tellingLine } from "./log_lines.js"

export class Asking {
  #feed
  #isOpen
  #waiting = []

  constructor(feed, isOpen) {
    this.#feed = feed
    this.#isOpen = isOpen
  }

  /** The answer to a frame, as soon as there is a line to ask over; asked again where that is cut meanwhile. */
  async ask(frame) {
    for (;;) {
      if (!this.#isOpen()) await new Promise((resolve) => this.#waiting.push(resolve))
      try {
        return await this.#feed.ask(frame)
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.#isOpen()) throw error
      }
    }
  }

  /** The line is open. */
  opened() {
    for (const act of this.#waiting.splice(0)) act()
  }
}

/** The line of a failed step's log that says most; asked once per step, and again where nobody answered. */
export class Excerpts {
  #asking
  #known = new Map()

  constructor(asking) {
    this.#asking = asking
  }

  of(step) {
    const key = `${step.step_id}/${step.lines}`
    if (!this.#known.has(key)) {
      const answer = this.#ask(step)
      this.#known.set(key, answer)
      answer.catch(() => this.#known.delete(key))
    }
    return this.#known.get(key)
  }

  async #ask({ step_id: id, lines }) {
    const { events } = await this.#asking.ask({ t: "range", s: `log:${id}`, before: lines + 1, limit: 40 })
    return tellingLine(events)
  }
}
