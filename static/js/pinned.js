// The announcement that stands above the talk until somebody takes it down, or the reader has seen enough of it.

import { setHidden, setText, slots } from "./dom.js"
import { clock } from "./ticker.js"
import { moment } from "./time.js"
import { dayWords, language } from "./words.js"

const SEEN = "pinned"

export class Pinned {
  #box
  #slots
  #q = null

  constructor(box) {
    this.#box = box
    this.#slots = slots(box)
    box.querySelector('[data-action="unpin"]').addEventListener("click", () => this.#close())
  }

  /** `{q, at, by, text}`, or null for none. */
  show(pinned) {
    const isSeen = pinned && localStorage.getItem(SEEN) === `${location.pathname}${pinned.q}`
    setHidden(this.#box, !pinned || isSeen)
    if (!pinned) return
    this.#q = pinned.q
    setText(this.#slots.by, pinned.by)
    setText(this.#slots.text, pinned.text)
    setText(this.#slots.at, moment(pinned.at, clock.now(), language, dayWords()))
    this.#slots.at.dateTime = pinned.at
    this.#slots.link.href = `#e${pinned.q}`
  }

  #close() {
    localStorage.setItem(SEEN, `${location.pathname}${this.#q}`)
    setHidden(this.#box, true)
  }
}
