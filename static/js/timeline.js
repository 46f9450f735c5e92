// The room's rows in order: events by number, private answers and echoes where they happened. It keeps the reader's
// place: at the bottom it follows, further up nothing moves under the eyes.

import { clone, setText, slot } from "./dom.js"
import { day, dayName } from "./time.js"
import { clock } from "./ticker.js"
import { dayWords, language, plural, word } from "./words.js"

const MORE_MS = 5 * 60_000
const NEAR_BOTTOM_PX = 100
const NEAR_TOP_PX = 400
const MOST_ROWS = 300

export class Timeline {
  #list
  #scroll
  #edges
  #rows = []
  #echoes = new Map()
  #anchor = null
  #unseen = 0
  #newFrom = null
  #isLoading = false
  #hasOlder = true
  #newest = 0

  /** `edges`: `view` (EventView), `older(before)` resolves to events, `read(q)`, `unseen(count|null)`, `me`. */
  constructor(list, scroll, edges) {
    this.#list = list
    this.#scroll = scroll
    this.#edges = edges
    scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    new ResizeObserver(() => this.#settle()).observe(scroll.firstElementChild)
    document.addEventListener("visibilitychange", () => this.#looked())
  }

  get isEmpty() {
    return this.#rows.length === 0 && this.#echoes.size === 0
  }

  get isAtBottom() {
    return Math.abs(this.#scroll.scrollTop) <= NEAR_BOTTOM_PX
  }

  /** Begin again from a picture; `missed` says how many events lie between what was shown and the picture. */
  restart(events, { read = null, missed = 0 } = {}) {
    const kept = this.#rows.filter((row) => row.isPrivate)
    this.#rows = []
    this.#list.replaceChildren()
    if (missed) this.#put(this.#gap(missed), { at: events[0]?.at })
    if (read !== null) this.#newFrom = this.#firstUnread(events, read)
    for (const event of events) this.#put(this.#edges.view.row(event), event)
    for (const row of kept) this.#insertByTime(row)
    this.#hasOlder = events.length > 0 && events[0].q > 1
    this.#arrange()
    for (const row of this.#echoes.values()) this.#list.append(row)
    this.#scroll.scrollTop = 0
    this.#looked()
  }

  append(events) {
    const wasAtBottom = this.isAtBottom
    for (const event of events) {
      if (event.cid) this.unecho(event.cid)
      if (this.#isHidden && this.#newFrom === null) this.#newFrom = event.q
      this.#put(this.#edges.view.row(event), event)
    }
    this.#arrange()
    this.#followOrCount(wasAtBottom, events.filter((event) => event.by?.name !== this.#edges.me).length)
  }

  /** A private answer: at its moment in the past, or now at the end. */
  addPrivate(row, event) {
    const wasAtBottom = this.isAtBottom
    this.#insertByTime({ row, at: event.at, isPrivate: true, event })
    this.#arrange()
    this.#followOrCount(wasAtBottom, 1)
  }

  remove(row) {
    this.#rows = this.#rows.filter((each) => each.row !== row)
    row.remove()
    this.#arrange()
  }

  /** A line that was just typed, `event` as it will look; it gives way to the event itself. */
  echo(cid, row, event) {
    row.classList.toggle("event--more", continues(this.#rows.at(-1)?.event, event))
    this.#echoes.set(cid, row)
    this.#list.append(row)
    this.toBottom()
  }

  unecho(cid) {
    this.#echoes.get(cid)?.remove()
    this.#echoes.delete(cid)
  }

  echoes() {
    return [...this.#echoes.values()]
  }

  focus() {
    this.#scroll.focus()
  }

  toBottom() {
    this.#scroll.scrollTop = 0
    this.#looked()
  }

  /** Put the focus on the next (1) or the previous (-1) row. */
  step(direction) {
    const rows = [...this.#list.querySelectorAll(".event")]
    const at = rows.indexOf(document.activeElement.closest?.(".event"))
    const next = rows[at < 0 ? rows.length - 1 : at + direction]
    next?.focus()
    next?.scrollIntoView({ block: "nearest" })
  }

  #put(row, event) {
    if (event.q) this.#newest = event.q
    if (!row) return // it is told elsewhere on the page
    this.#rows.push({ row, q: event.q, at: event.at, event })
    this.#list.append(row)
    for (const echo of this.#echoes.values()) this.#list.append(echo)
  }

  #insertByTime(entry) {
    const at = this.#rows.findLastIndex((row) => row.at <= entry.at) + 1
    this.#rows.splice(at, 0, entry)
    const before = this.#rows[at + 1]?.row ?? this.#list.querySelector(".message--waiting")
    this.#list.insertBefore(entry.row, before)
  }

  // One pass over what is shown: days, what is new, and lines that belong to the line above.
  #arrange() {
    this.#trim()
    for (const divider of this.#list.querySelectorAll(".divider")) divider.remove()
    let above = null
    for (const entry of this.#rows) {
      if (this.#isSaidAbove(entry, above)) continue
      let isDivided = false
      if (entry.at && (!above?.at || day(above.at) !== day(entry.at)))
        isDivided = this.#divide(entry, this.#dayWord(entry))
      if (entry.q && above && entry.q === this.#newFrom)
        isDivided = this.#divide(entry, word("new_divider"), "divider--new")
      entry.row.classList.toggle("event--more", !isDivided && continues(above?.event, entry.event))
      above = entry
    }
  }

  // The card right above says the same.
  #isSaidAbove({ row, event }, above) {
    if (event?.k !== "announcement") return false
    row.hidden = above?.event?.k === "card" && above.event.d.deployment === event.d.deployment
    return row.hidden
  }

  #divide({ row }, text, extra = "") {
    const divider = clone("divider")
    divider.textContent = text
    if (extra) divider.classList.add(extra)
    row.before(divider)
    return true
  }

  #dayWord({ at }) {
    return dayName(at, clock.now(), language, dayWords())
  }

  #trim() {
    const extra = this.#rows.length - MOST_ROWS
    if (extra < 50 || !this.isAtBottom) return
    for (const { row } of this.#rows.splice(0, extra)) row.remove()
    this.#hasOlder = true
  }

  #gap(missed) {
    const row = clone("note")
    setText(slot(row, "text"), plural("missed", missed, { count: missed }))
    return row
  }

  #firstUnread(events, read) {
    return events.find((event) => event.q > read && event.by?.name !== this.#edges.me)?.q ?? null
  }

  #followOrCount(wasAtBottom, count) {
    if (wasAtBottom) this.#scroll.scrollTop = 0
    else this.#unseen += count
    this.#looked()
  }

  get #isHidden() {
    return document.visibilityState !== "visible"
  }

  // Read is what stood at the bottom of a page that was looked at.
  #looked() {
    if (this.isAtBottom) this.#unseen = 0
    this.#edges.unseen(this.isAtBottom ? null : this.#unseen)
    if (this.isAtBottom && !this.#isHidden && this.#newest) this.#edges.read(this.#newest)
  }

  #scrolled() {
    this.#keepAnchor()
    this.#looked()
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll
    if (scrollHeight - clientHeight + scrollTop < NEAR_TOP_PX) this.#loadOlder()
  }

  async #loadOlder() {
    const first = this.#rows.find((row) => row.q)
    if (this.#isLoading || !this.#hasOlder || !first || first.q <= 1) return
    this.#isLoading = true
    try {
      const { events, more } = await this.#edges.older(first.q)
      this.#hasOlder = more
      this.#keepAnchor()
      const entries = events
        .map((event) => ({ row: this.#edges.view.row(event), q: event.q, at: event.at, event }))
        .filter(({ row }) => row)
      this.#rows.unshift(...entries)
      this.#list.prepend(...entries.map((entry) => entry.row))
      this.#arrange()
    } catch {
      this.#hasOlder = true // the next scroll asks again
    } finally {
      this.#isLoading = false
    }
  }

  // The first row in sight keeps its place when rows above or below it grow.
  #keepAnchor() {
    if (this.isAtBottom) return void (this.#anchor = null)
    const top = this.#scroll.getBoundingClientRect().top
    const row = this.#rows.find((each) => each.row.getBoundingClientRect().bottom > top)?.row
    this.#anchor = row ? { row, top: row.getBoundingClientRect().top } : null
  }

  #settle() {
    if (!this.#anchor?.row.isConnected) return
    const moved = this.#anchor.row.getBoundingClientRect().top - this.#anchor.top
    if (moved) this.#scroll.scrollTop += moved
  }
}

function continues(above, event) {
  if (above?.k !== "message" || event?.k !== "message" || above.by?.id !== event.by?.id) return false
  return Date.parse(event.at) - Date.parse(above.at) < MORE_MS
}
