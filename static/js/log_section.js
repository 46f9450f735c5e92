// What one step printed, as a part of the drawer that folds: a window of lines, live at its end, or up to a past moment.

import { runs } from "./ansi.js"
import { clone, el, setHidden, setIcon, setText, setTone, slots } from "./dom.js"
import { coalesced } from "./frame.js"
import { Lines } from "./log_lines.js"
import { look } from "./status.js"
import { showTook } from "./ticker.js"
import { elapsed, second } from "./time.js"
import { language, word } from "./words.js"

const PAGE = 500

export class LogSection {
  #edges
  #slots
  #lines = new Lines()
  #step = null
  #stream = null
  #isOpen = false
  #moment = null
  #limit = Infinity
  #isBusy = false
  #waiting = []
  #flush = coalesced(() => this.#paintWaiting())

  /**
   * `edges`: `feed`, `logPage(key)`, `until(key, ms)` resolves to a line's number, `toggled()` when a person folds or
   * opens it, `grew(lines, isFirst)` when it shows more.
   */
  constructor(edges) {
    this.#edges = edges
    this.element = clone("log-section")
    this.#slots = slots(this.element)
    this.#slots.fold.addEventListener("click", () => {
      this.setOpen(!this.#isOpen)
      edges.toggled()
    })
    this.#slots.earlier.addEventListener("click", () => this.older())
  }

  get step() {
    return this.#step
  }

  get list() {
    return this.#slots.lines
  }

  get lines() {
    return this.#lines
  }

  get isOpen() {
    return this.#isOpen
  }

  /** The step as it stands. */
  update(step) {
    const isFirst = this.#step === null
    this.#step = step
    const { icon, name, took, none } = this.#slots
    const { tone, icon: glyph, spin } = look(step.status)
    if (isFirst) {
      this.element.dataset.key = step.key
      setText(name, word(`step.${step.kind}`))
    }
    this.element.dataset.status = step.status
    setTone(icon, tone)
    setIcon(icon, glyph, spin)
    showTook(took, step.started_at, step.finished_at)
    if (!this.#lines.last) setText(none, word(step.finished_at && !step.lines ? "log_none" : "log_wait"))
    if (this.#isOpen) this.#follow()
  }

  setOpen(isOpen) {
    if (isOpen === this.#isOpen) return
    this.#isOpen = isOpen
    this.#slots.fold.setAttribute("aria-expanded", String(isOpen))
    setHidden(this.#slots.body, !isOpen)
    if (isOpen) this.#follow()
    else this.leave()
  }

  /** Hear of no more lines. */
  leave() {
    if (this.#stream) this.#edges.feed.leave(this.#stream)
    this.#stream = null
    this.#waiting = []
  }

  /** Show what was printed by `ms`; null: all of it, live. */
  async until(ms) {
    if (ms === this.#moment) return
    this.#moment = ms
    if (ms === null) {
      this.#limit = Infinity
      if (!this.#lines.isAtEnd) await this.#load({ before: this.#lines.head + 1 })
      return this.#fit()
    }
    const known = this.#lines.lastBy(ms)
    const held = () => this.#lines.all.findLast((line) => line.ms <= ms)?.q ?? 0 // where nobody answers
    const last = known ?? (this.#step.step_id ? await this.#edges.until(this.#step.key, ms).catch(held) : 0)
    if (this.#moment !== ms) return
    this.#limit = last
    if (last && !this.#lines.has(last)) await this.#load({ before: last + 1 })
    if (this.#moment === ms) this.#fit()
  }

  /** The row of a line, fetched when it is not there; null when there is no such line. */
  async reveal(line) {
    this.setOpen(true)
    if (!this.#lines.has(line) && this.#step.step_id) {
      await this.#load({ after: Math.max(0, line - PAGE / 2) })
      this.#fit()
    }
    return this.#slots.lines.querySelector(`[data-line="${line}"]`)
  }

  /** Older lines, above; resolves to whether there were any. */
  async older() {
    if (this.#isBusy || this.#lines.first <= 1) return false
    const { events } = (await this.#ask({ before: this.#lines.first })) ?? { events: [] }
    const { added, dropped } = this.#lines.prepend(events)
    const { lines } = this.#slots
    const height = lines.offsetHeight
    for (let each = 0; each < dropped; each += 1) lines.lastElementChild?.remove()
    lines.prepend(...added.map((line) => this.#row(line)))
    this.#edges.pushed(lines.offsetHeight - height)
    this.#paintEdges()
    return added.length > 0
  }

  /** Newer lines, below, of a window that does not reach the end. */
  async newer() {
    if (this.#isBusy || this.#lines.isAtEnd || this.#moment !== null) return
    const answer = await this.#ask({ after: this.#lines.last })
    if (answer) this.#show(this.#lines.append(answer.events))
  }

  // A window of other lines: those that precede `before`, or follow `after`.
  async #load(where) {
    const answer = await this.#ask(where)
    if (!answer) return
    this.#lines.replace(answer.events, answer.head)
    this.#slots.lines.replaceChildren()
  }

  async #ask(where) {
    if (!this.#step.step_id) return null
    this.#isBusy = true
    try {
      return await this.#edges.feed.ask({ t: "range", s: `log:${this.#step.step_id}`, limit: PAGE, ...where })
    } catch {
      return null // the line is down; the next scroll asks again
    } finally {
      this.#isBusy = false
    }
  }

  #follow() {
    if (this.#stream || !this.#step.step_id) return
    this.#stream = `log:${this.#step.step_id}`
    this.#edges.feed.follow(this.#stream, {
      apply: (lines) => this.#more(lines),
      restart: ({ last }) => {
        if (this.#lines.last && !this.#lines.isAtEnd) return // somebody reads further up
        this.#lines.clear()
        this.#slots.lines.replaceChildren()
        this.#more(last)
      },
    })
  }

  #more(lines) {
    this.#waiting.push(...lines)
    this.#flush()
  }

  #paintWaiting() {
    const lines = this.#waiting.splice(0)
    if (lines.length) this.#show(this.#lines.append(lines))
  }

  #show({ added, dropped }) {
    const { lines } = this.#slots
    const isFirst = lines.childElementCount === 0
    if (dropped) for (let each = 0; each < dropped; each += 1) lines.firstElementChild?.remove()
    const shown = added.filter((line) => line.q <= this.#limit)
    lines.append(...shown.map((line) => this.#row(line)))
    this.#paintEdges()
    if (shown.length) this.#edges.grew(this, shown, isFirst)
  }

  // The rows are those of the window's lines up to the limit: what is missing joins, what is too much goes.
  #fit() {
    const { lines } = this.#slots
    while (Number(lines.lastElementChild?.dataset.line) > this.#limit) lines.lastElementChild.remove()
    const last = Number(lines.lastElementChild?.dataset.line ?? 0)
    const missing = this.#lines.all.filter((line) => line.q > last && line.q <= this.#limit)
    lines.append(...missing.map((line) => this.#row(line)))
    this.#paintEdges()
    if (missing.length) this.#edges.grew(this, missing, false)
  }

  #paintEdges() {
    setHidden(this.#slots.none, this.#slots.lines.childElementCount > 0)
    setHidden(this.#slots.earlier, this.#lines.first <= 1)
  }

  #row(line) {
    const row = clone("line")
    const into = slots(row)
    row.dataset.line = line.q
    row.classList.add(`line--${line.c}`)
    into.number.textContent = line.q
    into.number.href = `${this.#edges.logPage(this.#step.key)}#L${line.q}`
    into.number.setAttribute("aria-label", word("line", { number: line.q }))
    into.time.textContent = second(new Date(line.ms).toISOString(), language)
    const since = Date.parse(this.#step.started_at)
    into.since.textContent = Number.isNaN(since) ? "" : elapsed(line.ms - since)
    into.text.append(
      ...runs(line.text).map(({ text, classes }) => (classes.length ? el("span", classes.join(" "), text) : text)),
    )
    return row
  }
}
