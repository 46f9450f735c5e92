// Text that is looked for in a log: the server finds it in the whole, also in lines that no page holds.

import { setText } from "./dom.js"
import { highlight } from "./highlight.js"
import { holds } from "./log_lines.js"
import { word } from "./words.js"

const PAUSE_MS = 250

export class LogFind {
  #field
  #found
  #edges
  #hits = []
  #more = 0
  #at = -1
  #row = null
  #timer = null
  #round = 0

  /** `edges`: `sections()`, `ask(key, text)` resolves to `{count, lines}`, `goTo(key, line)` to the line's row. */
  constructor({ find, found }, edges) {
    this.#field = find
    this.#found = found
    this.#edges = edges
    find.addEventListener("input", () => this.#soon())
    find.addEventListener("keydown", (event) => this.#key(event))
  }

  /** What was found was in other steps. */
  forget() {
    this.#round += 1
    this.#take([], 0)
    if (this.#text) this.#soon()
  }

  /** A step printed more. */
  grew(section, lines) {
    if (!this.#text) return
    const known = new Set(this.#hits.filter((hit) => hit.key === section.step.key).map((hit) => hit.line))
    const fresh = lines.filter((line) => !known.has(line.q) && holds(line, this.#text))
    this.#hits.push(...fresh.map((line) => ({ key: section.step.key, line: line.q })))
    this.#paint()
  }

  get #text() {
    return this.#field.value.trim()
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), PAUSE_MS)
  }

  async #look() {
    const round = (this.#round += 1)
    const text = this.#text
    if (!text) return this.#take([], 0)
    const steps = this.#edges.sections().map((section) => section.step)
    const printed = steps.filter((step) => step.step_id)
    const none = { count: 0, lines: [] } // the line to the server is away: the page says so
    const answers = await Promise.all(printed.map((step) => this.#edges.ask(step.key, text).catch(() => none)))
    if (round !== this.#round) return
    const hits = answers.flatMap(({ lines }, at) => lines.map((line) => ({ key: printed[at].key, line })))
    this.#take(hits, answers.reduce((sum, { count }) => sum + count, 0) - hits.length)
    if (hits.length) this.#next(1)
  }

  #take(hits, more) {
    this.#hits = hits
    this.#more = more
    this.#at = -1
    this.#row = null
    this.#paint()
  }

  async #next(direction) {
    const count = this.#hits.length
    if (!count) return
    this.#at = this.#at < 0 && direction < 0 ? count - 1 : (this.#at + direction + count) % count
    const { key, line } = this.#hits[this.#at]
    this.#row = await this.#edges.goTo(key, line)
    this.#paint()
  }

  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault()
      this.#next(event.shiftKey ? -1 : 1)
    }
    if (event.key === "Escape" && this.#field.value) {
      event.stopPropagation()
      this.#field.value = ""
      this.#look()
    }
  }

  #paint() {
    const lists = this.#edges.sections().map((section) => section.list)
    highlight(lists, this.#text, this.#row)
    const count = this.#hits.length + this.#more
    setText(this.#found, this.#text ? word("found", { at: this.#at + 1, count }) : "")
  }
}
