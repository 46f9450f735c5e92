// What the line in the composer is about, when it is not just said: it answers a message, or changes one.

import { setHidden, setText, slots } from "./dom.js"
import { word } from "./words.js"

const SHOWN = 120

export class About {
  #box
  #slots
  #value = null

  /** `left()` hears that the reader wants it no more. */
  constructor(box, left) {
    this.#box = box
    this.#slots = slots(box)
    box.querySelector('[data-action="leave"]').addEventListener("click", left)
  }

  /** `{kind: "reply"|"edit", id, q, by, text, draft}`, or null. */
  get value() {
    return this.#value
  }

  set(value) {
    this.#value = value
    setHidden(this.#box, !value)
    if (!value) return
    setText(this.#slots.what, word(value.kind === "edit" ? "editing" : "answering", { name: value.by }))
    setText(this.#slots.text, value.kind === "edit" ? "" : value.text.slice(0, SHOWN))
  }
}
