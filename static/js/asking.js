// Questions to the server that may be put before the line is open: they wait for it.

import { tellingLine } from "./log_lines.js"

export class Asking {
  #feed
  #isOpen
  #waiting = []

  constructor(feed, isOpen) {
    this.#feed = feed
    this.#isOpen = isOpen
  }

  /** The answer to a frame, as soon as there is a line to ask over. */
  async ask(frame) {
    if (!this.#isOpen()) await new Promise((resolve) => this.#waiting.push(resolve))
    return this.#feed.ask(frame)
  }

  /** The line is open. */
  opened() {
    for (const act of this.#waiting.splice(0)) act()
  }
}

/** The line of a failed step's log that says most; asked once per step. */
export class Excerpts {
  #asking
  #known = new Map()

  constructor(asking) {
    this.#asking = asking
  }

  of(step) {
    const key = `${step.step_id}/${step.lines}`
    if (!this.#known.has(key)) this.#known.set(key, this.#ask(step))
    return this.#known.get(key)
  }

  async #ask({ step_id: id, lines }) {
    const { events } = await this.#asking.ask({ t: "range", s: `log:${id}`, before: lines + 1, limit: 40 })
    return tellingLine(events)
  }
}
