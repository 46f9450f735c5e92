// The room's rows in order: events by number, private answers and echoes where they happened. It keeps the reader's
// place: at the bottom it follows, further up nothing moves under the eyes. What it shows is a part of the history
// without holes; when that part does not reach up to now, later events wait until the reader comes down.

import { amended, CHANGES } from "./amend.js"
import { arrange, continues } from "./arrangement.js"
import { ConnectionLost, Refused } from "./connection.js"
import { clone, setText, slot } from "./dom.js"
import { Place } from "./place.js"
import { plural } from "./words.js"

const NEAR_END_PX = 400
const MOST_ROWS = 300
/** So many rows are kept for who reads further up; what comes then waits until they come down. */
const MOST_ABOVE = 1_000
const FOUND_MS = 2_000
const TRIES = 5

export class Timeline {
  #list
  #edges
  #place
  #rows = []
  #echoes = new Map()
  #unseen = 0
  #newFrom = null
  #isLoading = false
  #life = 0
  #hasOlder = true
  #isNow = true
  #newest = 0
  #span = null
  #gapRow = null

  /**
   * `edges`: `view` (EventView), `range({before|after})` resolves to `{events, more}`, `read(q)`, `unseen(count|null)`,
   * `me`, `lost()` hears that an event that was asked for is not there.
   */
  constructor(list, scroll, edges) {
    this.#list = list
    this.#edges = edges
    this.#place = new Place(scroll, () => this.#rows.map((each) => each.row))
    scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    document.addEventListener("visibilitychange", () => {
      if (this.#isHidden && this.#isAtEnd) this.#newFrom = null // all was read: what comes now is new
      else if (!this.#isHidden) this.#arrange() // it may be another day
      this.#looked()
    })
  }

  get isEmpty() {
    return this.#rows.length === 0 && this.#echoes.size === 0
  }

  /** The number of the newest event that has come, shown or not. */
  get newest() {
    return this.#newest
  }

  /** The event a row shows, or undefined. */
  eventOf(row) {
    return this.#rows.find((each) => each.row === row)?.event
  }

  /** The newest event for which `is(event)` holds. */
  findLast(is) {
    return this.#rows.findLast(({ event }) => event && is(event))
  }

  /** Begin again from a picture; `missed` says how many events lie between what was shown and the picture. */
  restart(events, { read = null, missed = 0, isNow = true } = {}) {
    const kept = this.#rows.filter((row) => row.isPrivate)
    this.#life += 1
    this.#rows = []
    this.#isNow = isNow
    if (isNow) this.#newest = 0 // another life of the stream may begin lower
    this.#list.replaceChildren()
    if (missed) this.#put(this.#gap(missed), { at: events[0]?.at })
    this.#gapRow = missed ? this.#rows[0] : null
    if (read !== null) this.#newFrom = this.#firstUnread(events, read)
    for (const event of events) this.#take(event)
    for (const row of kept) this.#insertByTime(row)
    this.#hasOlder = events.length > 0 && events[0].q > 1
    this.#span = events.length ? { from: events[0].q, to: events.at(-1).q } : null
    this.#arrange()
    for (const row of this.#echoes.values()) this.#list.append(row)
    this.#place.toBottom()
    this.#looked()
  }

  append(events) {
    const wasAtBottom = this.#place.isAtBottom
    if (!wasAtBottom && this.#rows.length >= MOST_ABOVE) this.#isNow = false
    for (const event of events) {
      if (event.cid) this.unecho(event.cid)
      if (this.#isHidden && this.#newFrom === null && !CHANGES.has(event.k)) this.#newFrom = event.q
      if (this.#isNow || CHANGES.has(event.k)) this.#take(event)
      if (this.#isNow) this.#span = { from: this.#span?.from ?? event.q, to: event.q }
      this.#newest = event.q
    }
    this.#arrange()
    const news = events.filter((event) => event.by?.name !== this.#edges.me && !CHANGES.has(event.k))
    this.#followOrCount(wasAtBottom, news.length)
  }

  /** A private answer: at its moment in the past, or now at the end; one longer than the window is read from its top. */
  addPrivate(row, event, { isNow = false } = {}) {
    const wasAtBottom = this.#place.isAtBottom
    this.#insertByTime({ row, at: event.at, isPrivate: true, event })
    this.#arrange()
    this.#followOrCount(wasAtBottom, 1)
    if (isNow && wasAtBottom) this.#place.showTop(row)
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
    this.#place.focus()
  }

  /** To the newest, wherever one reads. */
  async toBottom() {
    // An event may come between the answer and its question: then what is shown does not reach up to now yet.
    for (let tries = 0; !this.#isNow && tries < TRIES; tries += 1) {
      await this.#load({ before: this.#newest + 1 }, (events) => this.#jumpTo(events))
    }
    this.#place.toBottom()
    this.#looked()
  }

  #jumpTo(events) {
    const newest = this.#newest
    this.restart(events, { isNow: (events.at(-1)?.q ?? 0) >= newest })
    this.#newest = newest
  }

  /** Bring the event with number `q` into sight (or the next that is shown), with what was said around it. */
  async show(q) {
    if (!this.#covers(q)) await this.#loadAround(q)
    const found = this.#rows.find((each) => each.q >= q)
    if (!found) return void this.#edges.lost()
    found.row.scrollIntoView({ block: "center" })
    found.row.focus({ preventScroll: true })
    found.row.classList.add("is-found")
    setTimeout(() => found.row.classList.remove("is-found"), FOUND_MS)
  }

  /** Put the focus on the next (1) or the previous (-1) row. */
  step(direction) {
    const rows = [...this.#list.querySelectorAll(".event:not([hidden])")]
    const at = rows.indexOf(document.activeElement.closest?.(".event"))
    const next = rows[at < 0 ? rows.length - 1 : at + direction]
    next?.focus()
    next?.scrollIntoView({ block: "nearest" })
  }

  // A row of its own, or a change to rows that are there.
  #take(event) {
    if (event.q) this.#newest = Math.max(this.#newest, event.q)
    if (CHANGES.has(event.k)) return void this.#amend(event)
    this.#put(this.#edges.view.row(event), event)
  }

  #put(row, event) {
    if (!row) return // it is told elsewhere on the page
    this.#rows.push({ row, q: event.q, at: event.at, event })
    this.#list.append(row)
    for (const echo of this.#echoes.values()) this.#list.append(echo)
  }

  #amend(change) {
    for (const entry of this.#rows) {
      const event = amended(entry.event, change)
      if (event === entry.event) continue
      const row = this.#edges.view.row(event)
      row.className = entry.row.className
      row.classList.toggle("event--gone", Boolean(event.d.deleted))
      const hadFocus = entry.row.contains(document.activeElement)
      entry.row.replaceWith(row)
      Object.assign(entry, { row, event })
      if (hadFocus) row.focus({ preventScroll: true })
    }
  }

  #insertByTime(entry) {
    const at = this.#rows.findLastIndex((row) => row.at <= entry.at) + 1
    this.#rows.splice(at, 0, entry)
    const before = this.#rows[at + 1]?.row ?? this.#list.querySelector(".message--waiting")
    this.#list.insertBefore(entry.row, before)
  }

  #arrange() {
    this.#trim()
    arrange(this.#list, this.#rows, this.#newFrom)
  }

  #trim() {
    const extra = this.#rows.length - MOST_ROWS
    if (extra < 50 || !this.#place.isAtBottom) return
    for (const { row } of this.#rows.splice(0, extra)) row.remove()
    this.#hasOlder = true
    const first = this.#rows.find((each) => each.q)
    if (first) this.#span.from = first.q
  }

  #gap(missed) {
    const row = clone("note")
    setText(slot(row, "text"), plural("missed", missed, { count: missed }))
    return row
  }

  // Where it is older than what is loaded, the line is drawn once one has read that far up.
  #firstUnread(events, read) {
    if (read > 0 && events.length && events[0].q > read + 1) return read + 1
    return events.find((event) => event.q > read && event.by?.name !== this.#edges.me && !CHANGES.has(event.k))?.q ?? null
  }

  #followOrCount(wasAtBottom, count) {
    if (wasAtBottom && this.#isNow) this.#place.toBottom()
    else this.#unseen += count
    this.#looked()
  }

  get #isHidden() {
    return document.visibilityState !== "visible"
  }

  get #isAtEnd() {
    return this.#isNow && this.#place.isAtBottom
  }

  // Read is what stood at the bottom of a page that was looked at.
  #looked() {
    if (this.#isAtEnd) this.#unseen = 0
    this.#edges.unseen(this.#isAtEnd ? null : this.#unseen)
    if (this.#isAtEnd && !this.#isHidden && this.#newest) this.#edges.read(this.#newest)
  }

  #scrolled() {
    this.#place.keep()
    this.#looked()
    if (this.#place.above < NEAR_END_PX && this.#hasOlder) this.#loadOlder()
    if (this.#place.below < NEAR_END_PX && !this.#isNow) this.#loadNewer()
  }

  #covers(q) {
    return this.#span !== null && this.#span.from <= q && q <= this.#span.to
  }

  // What is loaded goes by the events, also by those that have no row of their own.
  async #loadOlder() {
    if (!this.#span || this.#span.from <= 1) return
    await this.#load({ before: this.#span.from }, (events, more) => {
      this.#hasOlder = more
      if (events.length) this.#span.from = events[0].q
      this.#place.keep()
      this.#addAbove(events)
    })
  }

  #addAbove(events) {
    const entries = []
    for (const event of events) {
      if (CHANGES.has(event.k)) continue // what it changed is in the same part of the history already as it is now
      const row = this.#edges.view.row(event)
      if (row) entries.push({ row, q: event.q, at: event.at, event })
    }
    if (this.#gapRow && entries.length) this.remove(this.#gapRow.row) // they are shown, or a scroll away
    this.#rows.unshift(...entries)
    this.#list.prepend(...entries.map((entry) => entry.row))
    this.#arrange()
  }

  async #loadNewer() {
    if (!this.#span) return
    await this.#load({ after: this.#span.to }, (events) => {
      this.#place.keep(true)
      if (events.length) this.#span.to = events.at(-1).q
      for (const event of events) this.#take(event)
      this.#isNow = this.#span.to >= this.#newest
      this.#arrange()
      this.#looked()
    })
  }

  async #loadAround(q) {
    await this.#load({ before: q + 25 }, (events, more, head) => {
      const newest = Math.max(this.#newest, head)
      this.restart(events, { isNow: (events.at(-1)?.q ?? 0) >= newest })
      this.#newest = newest
      this.#hasOlder = more
    })
  }

  // One question at a time; a failed one is asked again by the next scroll. An answer joins what it was asked for only:
  // after a new beginning there would be a hole between the two.
  async #load(which, use) {
    if (this.#isLoading) return
    this.#isLoading = true
    const life = this.#life
    try {
      const { events, more, head } = await this.#edges.range(which)
      if (life === this.#life) use(events, more, head)
    } catch (error) {
      if (!(error instanceof ConnectionLost) && !(error instanceof Refused)) throw error
    } finally {
      this.#isLoading = false
    }
  }
}
