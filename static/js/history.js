// One's own earlier lines in a room: up and down, as in a shell. Kept for the tab's life.

import { keep } from "./store.js"

const MOST = 200

export class History {
  #lines
  #at = null
  #draft = ""
  #store
  #key

  constructor(key, store = globalThis.sessionStorage) {
    this.#key = key
    this.#store = store
    this.#lines = JSON.parse(store?.getItem(key) ?? "[]")
  }

  add(line) {
    this.#at = null
    if (this.#lines.at(-1) !== line) this.#lines.push(line)
    this.#lines = this.#lines.slice(-MOST)
    keep(this.#key, JSON.stringify(this.#lines), this.#store)
  }

  /** Older lines, from elsewhere; those that are known already stay where they are. */
  learn(lines) {
    const known = new Set(this.#lines)
    this.#lines = [...lines.filter((line) => !known.has(line)), ...this.#lines].slice(-MOST)
  }

  /** The newest line that holds `text`, before the one at `before`; `{line, at}` or null. */
  find(text, before = this.#lines.length) {
    for (let at = Math.min(before, this.#lines.length) - 1; at >= 0; at -= 1) {
      if (this.#lines[at].includes(text)) return { line: this.#lines[at], at }
    }
    return null
  }

  get isBrowsing() {
    return this.#at !== null
  }

  /** The line before the shown one; `draft` is what was being written. Null when there is none. */
  older(draft) {
    if (this.#at === null) this.#draft = draft
    const at = (this.#at ?? this.#lines.length) - 1
    if (at < 0) return null
    this.#at = at
    return this.#lines[at]
  }

  /** The line after the shown one, in the end the draft. Null when nothing is being browsed. */
  newer() {
    if (this.#at === null) return null
    this.#at += 1
    if (this.#at < this.#lines.length) return this.#lines[this.#at]
    this.#at = null
    return this.#draft
  }

  stop() {
    this.#at = null
  }
}
