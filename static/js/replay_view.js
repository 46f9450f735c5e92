// The slider over a run: it takes the page back to any second, and plays the run again.

import { hasEnded } from "./deployment_state.js"
import { el, setHidden, setText, slots } from "./dom.js"
import { endOfSecond, marks, Scale, segments, stateAt } from "./replay.js"
import { look } from "./status.js"
import { clock } from "./ticker.js"
import { elapsed, second, took } from "./time.js"
import { language, word } from "./words.js"

const SVG = "http://www.w3.org/2000/svg"
/** A run is played in about so long, in steps of so long. */
const PLAY_MS = 20_000
const TICK_MS = 100
/** While a run goes on, its strip is drawn anew so often. */
const REDRAW_MS = 1000
const LANES = { whole: [0, 20], top: [1, 8], bottom: [11, 8] }

export class ReplayView {
  #slots
  #edges
  #events = []
  #live = null
  #scale = null
  #moment = null
  #timer = null
  #newest = 0
  #isLoading = null
  #drawnAt = 0

  /**
   * `edges`: `journal(after)` resolves to `{events, more}`; `shows(state, ms)` hears which past state to show, or null
   * for the live one.
   */
  constructor(root, edges) {
    this.#slots = slots(root)
    this.#edges = edges
    const { play, track, second: slider, marks: keys } = this.#slots
    setHidden(play, false)
    setHidden(track, false)
    setHidden(this.#slots["replay-now"], false)
    slider.addEventListener("input", () => this.#slid())
    play.addEventListener("click", () => (this.#timer ? this.#pause() : this.#play()))
    keys.addEventListener("click", (event) => this.#pressed(event))
    this.#slots["to-now"].addEventListener("click", () => this.toNow())
  }

  /** Whether a past moment is shown. */
  get isPast() {
    return this.#moment !== null
  }

  /** The live state, which has the journal up to number `q`; the strip and the slider's end follow it. */
  update({ state, q }) {
    this.#newest = q
    const wasOver = this.#live && hasEnded(this.#live)
    this.#live = state
    if (this.#scale && wasOver === hasEnded(state) && Date.now() - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = Date.now()
    this.#draw()
  }

  /** Show the moment `ms`. */
  async show(ms) {
    this.#moment = endOfSecond(ms)
    await this.#load()
    if (this.#moment === null) return // somebody went back to now meanwhile, or the journal could not be read
    this.#paint()
    this.#edges.shows(stateAt(this.#live.id, this.#events, this.#moment), this.#moment)
  }

  /** Show what is live again. */
  toNow() {
    this.#pause()
    if (!this.isPast) return
    this.#moment = null
    this.#draw()
    this.#edges.shows(null, null)
  }

  // The journal up to what is live; what was read once stays.
  #load() {
    if ((this.#events.at(-1)?.q ?? 0) >= this.#newest) return Promise.resolve()
    this.#isLoading ??= this.#read()
      .catch(() => this.toNow()) // the line is away, and the page says so
      .finally(() => (this.#isLoading = null))
    return this.#isLoading
  }

  async #read() {
    const read = [...this.#events]
    for (let more = true; more; ) {
      const page = await this.#edges.journal(read.at(-1)?.q ?? 0)
      read.push(...page.events)
      more = page.more && page.events.length > 0
    }
    this.#events = read
    this.#draw()
  }

  get #end() {
    return hasEnded(this.#live) ? Date.parse(this.#live.finished_at) : clock.live()
  }

  #slid() {
    this.#pause()
    this.#goTo(Number(this.#slots.second.value))
  }

  async #goTo(value) {
    await this.#load()
    if (!this.#events.length || value >= Number(this.#slots.second.max)) return this.toNow()
    return this.show(this.#scale.momentOf(value * 1000))
  }

  #play() {
    this.#paintPlay(true)
    const { second: slider } = this.#slots
    if (Number(slider.value) >= Number(slider.max)) slider.value = "0"
    const step = Math.max(1, Math.round((Number(slider.max) * TICK_MS) / PLAY_MS))
    this.#timer = setInterval(() => {
      slider.value = String(Number(slider.value) + step)
      this.#goTo(Number(slider.value))
    }, TICK_MS)
  }

  #pause() {
    clearInterval(this.#timer)
    this.#timer = null
    this.#paintPlay(false)
  }

  #paintPlay(isOn) {
    const { play } = this.#slots
    play.querySelector("use").setAttribute("href", isOn ? "#i-pause" : "#i-play")
    play.setAttribute("aria-label", word(isOn ? "replay.pause" : "replay.play"))
  }

  #pressed(event) {
    const link = event.target.closest("a[data-at]")
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    this.#pause()
    this.show(Date.parse(link.dataset.at))
  }

  #draw() {
    const state = this.#live
    const events = this.#events.length ? this.#events : outline(state)
    if (!events.length) return
    this.#scale = new Scale(events, this.#end)
    this.#drawStrip(state)
    this.#drawMarks(state)
    this.#paint()
  }

  #drawStrip(state) {
    const scale = this.#scale
    const percent = (ms) => (scale.length ? (scale.placeOf(ms) / scale.length) * 100 : 0)
    const rects = segments(state, this.#end).map(({ from, to, tone, lane }) => {
      const [y, height] = LANES[lane]
      return rect(`replay__seg is-${tone}`, percent(from), Math.max(0.4, percent(to) - percent(from)), y, height)
    })
    const ticks = marks(state)
      .filter(({ kind }) => kind === "trouble")
      .map(({ at }) => rect("replay__mark is-bad", percent(Date.parse(at)), 0.4, -2, 24))
    this.#slots.strip.replaceChildren(rect("replay__seg is-mute", 0, 100, 0, 20), ...rects, ...ticks)
  }

  #drawMarks(state) {
    const wanted = marks(state)
    const keys = this.#slots.marks
    const key = wanted.map(({ at, kind, status }) => `${at}${kind}${status}`).join()
    if (keys.dataset.key === key) return
    keys.dataset.key = key
    keys.replaceChildren(
      ...wanted.map((mark) => {
        const tone = mark.kind === "trouble" ? `status is-${look(mark.status).tone}` : ""
        const passed = took(Date.parse(mark.at) - Date.parse(state.requested_at))
        const link = el("a", tone, `${passed} ${markWord(mark)}`)
        link.href = `?at=${encodeURIComponent(mark.at)}`
        link.dataset.at = mark.at
        return link
      }),
    )
  }

  #paint() {
    const into = this.#slots
    const scale = this.#scale
    const max = Math.max(1, Math.ceil(scale.length / 1000))
    into.second.max = String(max)
    const ms = this.#moment ?? scale.end
    if (!this.#timer) into.second.value = String(this.isPast ? Math.min(max, Math.floor(scale.placeOf(ms) / 1000)) : max)
    setText(into.passed, elapsed(ms - scale.begin))
    setText(into.whole, `/ ${elapsed(scale.end - scale.begin)}`)
    const clockTime = second(new Date(ms).toISOString(), language)
    into.second.setAttribute("aria-valuetext", this.isPast ? word("replay.at", { time: clockTime }) : word("replay.now"))
    setHidden(into.wall, !this.isPast)
    if (!this.isPast) return
    setText(into["wall-time"], word("replay.wall", { time: clockTime }))
    into["wall-time"].dateTime = new Date(ms).toISOString()
    setText(into["moment-link"], `#${this.#live.id}@${clockTime}`)
    into["moment-link"].href = `?at=${encodeURIComponent(new Date(ms).toISOString())}`
  }
}

// Before the journal is read, the times that the state keeps are enough for the strip.
function outline(state) {
  const events = [{ k: "", d: {}, at: state.requested_at }]
  for (const { key, started_at: from, finished_at: to } of state.steps) {
    if (from) events.push({ k: "step.moved", d: { key, to: "running" }, at: from })
    if (from && to) events.push({ k: "step.moved", d: { key, to: "" }, at: to })
  }
  return state.requested_at ? events.sort((one, other) => (one.at < other.at ? -1 : 1)) : []
}

function markWord({ kind, step, server, status, batch }) {
  if (kind === "step") return word(`step.${step}`)
  if (kind === "batch") return word("batch", { number: batch })
  if (kind === "trouble") return `${server} ${word(`step.${step}`)}: ${word(`status.${status}`)}`.trim()
  return word(`status.${status}`)
}

function rect(classes, x, width, y, height) {
  const made = document.createElementNS(SVG, "rect")
  made.setAttribute("class", classes)
  const sizes = { x: `${x.toFixed(3)}%`, width: `${width.toFixed(3)}%`, y, height, rx: 3 }
  for (const [name, value] of Object.entries(sizes)) made.setAttribute(name, value)
  return made
}
