// What a step printed: follows while it runs, stops following when one scrolls up, opens a failed step at its line.

import { runs } from "./ansi.js"
import { clone, el, setHidden, setText, slots } from "./dom.js"
import { coalesced } from "./frame.js"
import { highlight } from "./highlight.js"
import { Lines, tellingLine } from "./log_lines.js"
import { second } from "./time.js"
import { language, word } from "./words.js"

const PAGE = 500
const NEAR_PX = 24

export class LogView {
  #root
  #slots
  #edges
  #lines = new Lines()
  #shown = null
  #isFollowing = true
  #isEnded = false
  #isLoading = false
  #wanted = null
  #found = []
  #at = -1
  #waiting = []
  #flush = coalesced(() => this.#paintWaiting())

  /** `edges`: `feed`, `logPage(deployment, key)`, `linked(line)`. */
  constructor(root, edges) {
    this.#root = root
    this.#slots = slots(root)
    this.#edges = edges
    this.#listen()
    this.close()
  }

  /** Show the log of a step of a deployment; `line` is one to open at. */
  open(deployment, step, { name, kind, line = null }) {
    const { scroll, none } = this.#slots
    setText(this.#slots.name, name)
    setText(this.#slots.kind, kind)
    this.#root.setAttribute("aria-label", word("log_of", { name: `${name} ${kind}`.trim() }))
    this.#slots.whole.href = this.#edges.logPage(deployment, step.key)
    setHidden(this.#slots.whole, !step.step_id)
    if (this.#shown?.deployment === deployment && this.#shown.step.key === step.key && this.#shown.stream) {
      this.stepChanged(step)
      if (line !== null) this.#goTo(line)
      return
    }
    this.#leave()
    this.#shown = { deployment, step }
    this.#lines.clear()
    this.#slots.lines.replaceChildren()
    this.#wanted = line
    this.#setFollowing(line === null)
    this.stepChanged(step)
    scroll.scrollTop = 0
    setText(none, word(step.step_id ? "log_wait" : step.status === "pending" ? "log_wait" : "log_none"))
    setHidden(none, false)
    if (step.step_id) this.#follow(step)
  }

  close() {
    this.#leave()
    this.#shown = null
    this.#lines.clear()
    this.#slots.lines.replaceChildren()
    setText(this.#slots.name, "")
    setText(this.#slots.kind, "")
    setHidden(this.#slots.whole, true)
    setText(this.#slots.none, word("log_choose"))
    setHidden(this.#slots.none, false)
  }

  get step() {
    return this.#shown?.step ?? null
  }

  /** The step went on: nothing more comes when it has ended and all its lines are here. */
  stepChanged(step) {
    if (this.#shown) this.#shown.step = step
    this.#isEnded = Boolean(step.finished_at)
    if (this.#isEnded && !step.lines && !this.#lines.last) setText(this.#slots.none, word("log_none"))
    this.#root.classList.toggle("is-ended", this.#isEnded)
  }

  focus() {
    this.#slots.scroll.focus()
  }

  until() {}

  toggleFollowing() {
    this.#setFollowing(!this.#isFollowing)
    if (this.#isFollowing) this.#toEnd()
  }

  #follow(step) {
    const id = `log:${step.step_id}`
    this.#shown.stream = id
    this.#edges.feed.follow(id, {
      apply: (lines) => this.#more(lines),
      restart: ({ last }) => {
        this.#lines.clear()
        this.#slots.lines.replaceChildren()
        this.#more(last)
      },
    })
  }

  #leave() {
    if (this.#shown?.stream) this.#edges.feed.leave(this.#shown.stream)
    this.#waiting = []
  }

  #more(lines) {
    this.#waiting.push(...lines)
    this.#flush()
  }

  #paintWaiting() {
    const lines = this.#waiting.splice(0)
    if (!lines.length || !this.#shown) return
    const isFirst = this.#lines.last === 0
    const removed = this.#lines.append(lines)
    const list = this.#slots.lines
    list.append(...lines.slice(-this.#lines.all.length).map((line) => this.#row(line)))
    for (let each = 0; each < removed && list.childElementCount > this.#lines.all.length; each += 1)
      list.firstElementChild.remove()
    setHidden(this.#slots.none, true)
    this.#mark()
    if (isFirst) this.#settleFirst()
    else if (this.#isFollowing) this.#toEnd()
  }

  #settleFirst() {
    const failed = ["failed", "timed_out"].includes(this.#shown.step.status)
    const line = this.#wanted ?? (failed ? tellingLine(this.#lines.all)?.q : null)
    this.#wanted = null
    if (line) this.#goTo(line)
    else this.#toEnd()
  }

  async #goTo(line) {
    const { stream } = this.#shown
    while (this.#lines.first > line && this.#lines.first > 1)
      if (!(await this.#older()) || this.#shown?.stream !== stream) break
    const row = this.#slots.lines.querySelector(`[data-line="${line}"]`)
    if (!row) return
    for (const each of this.#slots.lines.querySelectorAll(".is-linked")) each.classList.remove("is-linked")
    row.classList.add("is-linked")
    const isLast = line === this.#lines.last
    this.#setFollowing(isLast && !this.#isEnded)
    const { scroll } = this.#slots
    scroll.scrollTop += row.getBoundingClientRect().top - scroll.getBoundingClientRect().top - scroll.clientHeight / 2
  }

  #row(line) {
    const row = clone("line")
    const into = slots(row)
    row.dataset.line = line.q
    row.classList.add(`line--${line.c}`)
    into.number.textContent = line.q
    into.number.href = `${this.#slots.whole.href}#L${line.q}`
    into.number.setAttribute("aria-label", word("line", { number: line.q }))
    into.time.textContent = second(new Date(line.ms).toISOString(), language)
    into.text.append(
      ...runs(line.text).map(({ text, classes }) => (classes.length ? el("span", classes.join(" "), text) : text)),
    )
    return row
  }

  #listen() {
    const { scroll, find } = this.#slots
    scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    // Only a person's own scrolling ends following: a wheel, a finger, a key. Not our own, not a resize.
    scroll.addEventListener("wheel", (event) => event.deltaY < 0 && this.#setFollowing(false), { passive: true })
    scroll.addEventListener("touchmove", () => this.#setFollowing(false), { passive: true })
    scroll.addEventListener(
      "keydown",
      (event) => ["ArrowUp", "PageUp", "Home"].includes(event.key) && this.#setFollowing(false),
    )
    this.#slots.lines.addEventListener("click", (event) => this.#pressed(event))
    this.#root.querySelector('[data-action="follow"]').addEventListener("click", () => this.toggleFollowing())
    this.#root
      .querySelector('[data-action="wrap"]')
      .addEventListener("click", (event) => this.#wrap(event.currentTarget))
    find.addEventListener("input", () => this.#find())
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#nextFound(event.shiftKey ? -1 : 1)
      if (event.key === "Escape" && find.value) {
        event.stopPropagation()
        find.value = ""
        this.#find()
      }
    })
    new ResizeObserver(() => this.#isFollowing && this.#toEnd()).observe(scroll)
  }

  #scrolled() {
    const { scroll } = this.#slots
    if (scroll.scrollHeight - scroll.clientHeight - scroll.scrollTop < NEAR_PX && !this.#isEnded)
      this.#setFollowing(true)
    if (scroll.scrollTop < NEAR_PX && this.#lines.first > 1) this.#older()
  }

  async #older() {
    if (this.#isLoading) return false
    this.#isLoading = true
    const { stream } = this.#shown
    try {
      const { events } = await this.#edges.feed.ask({ t: "range", s: stream, before: this.#lines.first, limit: PAGE })
      if (this.#shown?.stream !== stream) return false
      const taken = this.#lines.prepend(events)
      const { scroll, lines } = this.#slots
      const height = scroll.scrollHeight
      lines.prepend(...taken.map((line) => this.#row(line)))
      scroll.scrollTop += scroll.scrollHeight - height
      return taken.length > 0
    } catch {
      return false // the next scroll asks again
    } finally {
      this.#isLoading = false
    }
  }

  #pressed(event) {
    const link = event.target.closest("a[data-slot=number]")
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    const line = Number(link.closest("[data-line]").dataset.line)
    this.#goTo(line)
    this.#edges.linked(line, link.href)
  }

  #setFollowing(isOn) {
    if (isOn === this.#isFollowing) return
    this.#isFollowing = isOn
    const button = this.#root.querySelector('[data-action="follow"]')
    button.setAttribute("aria-pressed", String(isOn))
    button.firstElementChild.classList.toggle("is-run", isOn)
    setText(this.#slots.following, word(isOn ? "log_follow" : "log_paused"))
  }

  #toEnd() {
    const { scroll } = this.#slots
    scroll.scrollTop = scroll.scrollHeight
  }

  #wrap(button) {
    const isOn = button.getAttribute("aria-pressed") !== "true"
    button.setAttribute("aria-pressed", String(isOn))
    this.#root.classList.toggle("log--nowrap", !isOn)
  }

  #find() {
    this.#found = this.#lines.find(this.#slots.find.value.trim())
    this.#at = -1
    this.#mark()
    this.#nextFound(1)
  }

  #nextFound(direction) {
    const count = this.#found.length
    if (!count) return
    this.#at = (this.#at + direction + count) % count
    this.#mark()
    this.#setFollowing(false)
    const row = this.#slots.lines.querySelector(`[data-line="${this.#found[this.#at]}"]`)
    row?.scrollIntoView({ block: "center" })
  }

  #mark() {
    const text = this.#slots.find.value.trim()
    this.#found = text ? this.#lines.find(text) : []
    if (!text) this.#at = -1
    highlight(this.#slots.lines, text, new Set(this.#found), this.#found[this.#at])
    const at = this.#found.length ? this.#at + 1 : 0
    setText(this.#slots.found, text ? word("found", { at, count: this.#found.length }) : "")
  }
}
