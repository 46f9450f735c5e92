// Which lines of a log are held: a window without holes over a log that may be far longer. Pure.

import { plain } from "./ansi.js"

/** At most so many lines stand on the page; the rest of the log is a question away. */
export const MOST = 2000

export class Lines {
  #lines = []
  #head = 0

  get first() {
    return this.#lines[0]?.q ?? 0
  }

  get last() {
    return this.#lines.at(-1)?.q ?? 0
  }

  /** The newest line that anybody spoke of. */
  get head() {
    return this.#head
  }

  /** Whether the window ends where the log does. */
  get isAtEnd() {
    return this.last === this.#head
  }

  get all() {
    return this.#lines
  }

  clear() {
    this.#lines = []
    this.#head = 0
  }

  has(line) {
    return this.first <= line && line <= this.last
  }

  /** Other lines instead, of a log that goes on to `head`. */
  replace(lines, head = 0) {
    this.#lines = lines.slice(-MOST)
    this.#head = Math.max(this.#head, head, this.last)
  }

  /** Newer lines, in order: those that join the window, and how many old ones made room. */
  append(lines) {
    const wasEmpty = this.#lines.length === 0
    this.#head = Math.max(this.#head, lines.at(-1)?.q ?? 0)
    const joining = lines.filter((line) => line.q > this.last)
    if (!joining.length || (!wasEmpty && joining[0].q !== this.last + 1)) return { added: [], dropped: 0 }
    this.#lines.push(...joining)
    const dropped = Math.max(0, this.#lines.length - MOST)
    this.#lines.splice(0, dropped)
    return { added: joining.slice(-MOST), dropped }
  }

  /** Older lines: those that join the window, and how many new ones made room. */
  prepend(lines) {
    const joining = lines.filter((line) => line.q < this.first)
    if (joining.at(-1)?.q !== this.first - 1) return { added: [], dropped: 0 }
    this.#lines.unshift(...joining)
    const dropped = Math.max(0, this.#lines.length - MOST)
    this.#lines.length -= dropped
    return { added: joining, dropped }
  }

  /** The last line that was printed by `ms`: 0 for none; null when the window does not tell, as one that is empty. */
  lastBy(ms) {
    if (!this.#lines.length) return null
    const isBegun = this.first === 1 || this.#lines[0].ms <= ms
    const isOver = this.isAtEnd || this.#lines.at(-1).ms > ms
    if (!isBegun || !isOver) return null
    const next = this.#lines.findIndex((line) => line.ms > ms)
    return next < 0 ? this.last : next ? this.#lines[next - 1].q : this.first - 1
  }
}

/** Whether a line holds `text`, whatever its case and its colours. */
export function holds(line, text) {
  return plain(line.text).toLowerCase().includes(text.toLowerCase())
}

/** The line that says what went wrong: the last error output that is not empty, else the last line that is not. */
export function tellingLine(lines) {
  const isSaid = (line) => plain(line.text).trim() !== ""
  return lines.findLast((line) => line.c === "e" && isSaid(line)) ?? lines.findLast(isSaid) ?? null
}
