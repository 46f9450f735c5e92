// The log drawer: the steps of one server, or those before the servers, each folding; follows while they run, stops when
// one scrolls up, finds text in the whole log, and opens at the line that says what failed.

import { hasEnded, stepHasEnded } from "./deployment_state.js"
import { setHidden, setText, slots } from "./dom.js"
import { ask } from "./inquiry.js"
import { LogFind } from "./log_find.js"
import { tellingLine } from "./log_lines.js"
import { LogSection } from "./log_section.js"
import { LogTabs } from "./log_tabs.js"
import { word } from "./words.js"

const NEAR_PX = 24
const TROUBLE = new Set(["failed", "timed_out", "lost"])
const TIMES = ["clock", "elapsed", "off"]

export class LogView {
  #root
  #slots
  #edges
  #sections = new Map()
  #shown = null
  #isFollowing = true
  #moment = null
  #tabs
  #find

  /**
   * `edges`: `feed`, `urls` (with `logPage`, `findInLog`, `lineUntil`), `linked(step, line)` when a person links to a
   * line, `scope(step)` when they choose another tab.
   */
  constructor(root, edges) {
    this.#root = root
    this.#slots = slots(root)
    this.#edges = edges
    this.#tabs = new LogTabs(this.#slots.tabs, this.#slots.others, (step) => edges.scope(step))
    this.#find = new LogFind(this.#slots, {
      sections: () => [...this.#sections.values()],
      ask: (key, text) => ask(edges.urls.findInLog(this.#shown.deployment, key, text)),
      goTo: (key, line) => this.#goTo(key, line, { isLinked: false }),
    })
    this.#listen()
    this.close()
  }

  /**
   * Show the log of `step` of a deployment's `state`, among the steps of its server; `line` is one to open at, and
   * `isChosen` says that a person asked for this step.
   */
  open(state, step, { line = null, isChosen = false } = {}) {
    const scope = step.server
    if (this.#shown?.deployment !== state.id || this.#shown.scope !== scope) this.#begin(state.id, scope, step)
    const isOther = this.#shown.key !== step.key
    this.#shown.key = step.key
    const steps = state.steps.filter((each) => each.server === scope && (each.step_id || each.key === step.key))
    this.#sync(steps, step)
    this.#tabs.update(state, step)
    setText(this.#slots.name, step.server || word("log_heads"))
    this.#slots.whole.href = this.#edges.urls.logPage(state.id, step.key)
    setHidden(this.#slots.whole, !step.step_id)
    const isOver = hasEnded(state) || steps.every(stepHasEnded)
    this.#root.classList.toggle("is-ended", isOver || this.#moment !== null)
    if (line !== null) this.#goTo(step.key, line)
    else if (isOther && isChosen) this.#bring(step.key)
  }

  close() {
    this.#clear()
    this.#shown = null
    this.#moment = null
    setText(this.#slots.name, "")
    setHidden(this.#slots.whole, true)
    this.#tabs.clear()
    setText(this.#slots.none, word("log_choose"))
    setHidden(this.#slots.none, false)
  }

  /** The step whose log is shown, or null. */
  get step() {
    return this.#shown ? (this.#sections.get(this.#shown.key)?.step ?? null) : null
  }

  focus() {
    this.#slots.scroll.focus()
  }

  toggleFollowing() {
    this.#setFollowing(!this.#isFollowing)
    if (this.#isFollowing) this.#toEnd()
  }

  /** Show what was printed by a moment (ms); null: all, live. */
  until(ms) {
    this.#moment = ms
    for (const section of this.#sections.values()) section.until(ms)
  }

  #begin(deployment, scope, step) {
    this.#clear()
    this.#shown = { deployment, scope, key: "" }
    this.#setFollowing(!stepHasEnded(step))
    setHidden(this.#slots.none, true)
    this.#slots.scroll.scrollTop = 0
    this.#root.setAttribute("aria-label", word("log_of", { name: scope || word("log_heads") }))
  }

  #clear() {
    for (const section of this.#sections.values()) section.leave()
    this.#sections.clear()
    this.#slots.parts.replaceChildren()
    this.#find.forget()
  }

  #sync(steps, picked) {
    const keys = new Set(steps.map((step) => step.key))
    for (const [key, section] of this.#sections)
      if (!keys.has(key)) {
        section.leave()
        section.element.remove()
        this.#sections.delete(key)
      }
    for (const [at, step] of steps.entries()) {
      const isNew = !this.#sections.has(step.key)
      const section = this.#sections.get(step.key) ?? this.#make(step.key)
      section.update(step)
      const here = this.#slots.parts.children[at] ?? null
      if (here !== section.element) this.#slots.parts.insertBefore(section.element, here)
      const isLoud = step.status === "running" || TROUBLE.has(step.status)
      if (step.key === picked.key || (isNew && isLoud)) section.setOpen(true)
      section.until(this.#moment)
    }
  }

  #make(key) {
    const { feed, urls } = this.#edges
    const { deployment } = this.#shown
    const section = new LogSection({
      feed,
      logPage: (each) => urls.logPage(deployment, each),
      until: (each, ms) => ask(urls.lineUntil(deployment, each, ms)).then(({ line }) => line),
      toggled: () => this.#setFollowing(false),
      grew: (each, lines, isFirst) => this.#grew(each, lines, isFirst),
      pushed: (height) => (this.#slots.scroll.scrollTop += height),
    })
    this.#sections.set(key, section)
    return section
  }

  #grew(section, lines, isFirst) {
    this.#find.grew(section, lines)
    const { step } = section
    const wanted = this.#shown?.wanted
    if (wanted?.key === step.key) return void this.#goTo(step.key, wanted.line)
    if (isFirst && step.key === this.#shown?.key && TROUBLE.has(step.status) && !this.#shown.isPlaced) {
      this.#shown.isPlaced = true
      const line = tellingLine(section.lines.all)?.q
      if (line) return void this.#goTo(step.key, line, { isAsked: false })
    }
    if (this.#isFollowing) this.#toEnd()
  }

  // `isLinked` marks the line, `isAsked` says that a person wants to see it, wherever on the page the drawer is.
  async #goTo(key, line, { isLinked = true, isAsked = true } = {}) {
    const section = this.#sections.get(key)
    if (!section) return null
    this.#shown.isPlaced = true
    this.#setFollowing(false)
    const row = await section.reveal(line)
    // Before the line to the server is open nobody can be asked: once lines come, it is tried again.
    if (this.#shown) this.#shown.wanted = row || section.lines.last ? null : { key, line }
    if (!row) return null
    if (isLinked) {
      for (const each of this.#root.querySelectorAll(".is-linked")) each.classList.remove("is-linked")
      row.classList.add("is-linked")
    }
    const { scroll } = this.#slots
    scroll.scrollTop += row.getBoundingClientRect().top - scroll.getBoundingClientRect().top - scroll.clientHeight / 2
    if (isAsked) row.scrollIntoView({ block: "nearest" })
    return row
  }

  // The part of a step that a person chose, at the top; a running one at its end.
  #bring(key) {
    const { element, step } = this.#sections.get(key)
    const { scroll } = this.#slots
    this.#setFollowing(!stepHasEnded(step) && this.#moment === null)
    if (this.#isFollowing) this.#toEnd()
    else scroll.scrollTop += element.getBoundingClientRect().top - scroll.getBoundingClientRect().top
  }

  #listen() {
    const { scroll, parts } = this.#slots
    scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    // Only a person's own scrolling ends following: a wheel, a finger, a key. Not our own, not a resize.
    scroll.addEventListener("wheel", (event) => event.deltaY < 0 && this.#setFollowing(false), { passive: true })
    scroll.addEventListener("touchmove", () => this.#setFollowing(false), { passive: true })
    scroll.addEventListener(
      "keydown",
      (event) => ["ArrowUp", "PageUp", "Home"].includes(event.key) && this.#setFollowing(false),
    )
    parts.addEventListener("click", (event) => this.#pressed(event))
    this.#button("follow").addEventListener("click", () => this.toggleFollowing())
    this.#button("wrap").addEventListener("click", (event) => this.#wrap(event.currentTarget))
    this.#button("times").addEventListener("click", () => this.#turnTimes())
    new ResizeObserver(() => this.#isFollowing && this.#toEnd()).observe(scroll)
  }

  #button(action) {
    return this.#root.querySelector(`[data-action="${action}"]`)
  }

  #scrolled() {
    const { scroll } = this.#slots
    const isAtEnd = scroll.scrollHeight - scroll.clientHeight - scroll.scrollTop < NEAR_PX
    if (isAtEnd && !this.#root.classList.contains("is-ended")) this.#setFollowing(true)
    const box = scroll.getBoundingClientRect()
    for (const section of this.#sections.values()) {
      if (!section.isOpen) continue
      const { top, bottom } = section.list.getBoundingClientRect()
      if (top < box.bottom && top > box.top - NEAR_PX) section.older()
      if (bottom > box.top && bottom < box.bottom + NEAR_PX) section.newer()
    }
  }

  #pressed(event) {
    const link = event.target.closest("a[data-slot=number]")
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    const line = Number(link.closest("[data-line]").dataset.line)
    const section = this.#sections.get(link.closest("[data-key]").dataset.key)
    this.#goTo(section.step.key, line)
    this.#edges.linked(section.step, line)
  }

  #setFollowing(isOn) {
    if (isOn === this.#isFollowing) return
    this.#isFollowing = isOn
    const button = this.#button("follow")
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

  // The clock, how long since the step began, or nothing.
  #turnTimes() {
    const next = TIMES[(TIMES.indexOf(this.#root.dataset.times ?? "clock") + 1) % TIMES.length]
    this.#root.dataset.times = next
    this.#button("times").setAttribute("aria-label", word(`log_times.${next}`))
  }
}
