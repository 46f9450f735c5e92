// Which lines of a log are held, and where one looks for something. Pure.

import { plain } from "./ansi.js"

/** At most so many lines stand on the page; the whole log has a page of its own. */
export const MOST = 2000

export class Lines {
  #lines = []

  get first() {
    return this.#lines[0]?.q ?? 0
  }

  get last() {
    return this.#lines.at(-1)?.q ?? 0
  }

  get all() {
    return this.#lines
  }

  clear() {
    this.#lines = []
  }

  /** Newer lines, in order; returns how many old ones made room. */
  append(lines) {
    this.#lines.push(...lines)
    const extra = Math.max(0, this.#lines.length - MOST)
    this.#lines.splice(0, extra)
    return extra
  }

  /** Older lines put before; returns those that had room. */
  prepend(lines) {
    const room = Math.max(0, MOST - this.#lines.length)
    const taken = room ? lines.slice(-room) : []
    this.#lines.unshift(...taken)
    return taken
  }

  /** The numbers of the lines that hold `text`, whatever its case. */
  find(text) {
    const wanted = text.toLowerCase()
    return wanted
      ? this.#lines.filter((line) => plain(line.text).toLowerCase().includes(wanted)).map((line) => line.q)
      : []
  }
}

/** The line that says what went wrong: the last error output that is not empty, else the last line that is not. */
export function tellingLine(lines) {
  const isSaid = (line) => plain(line.text).trim() !== ""
  return lines.findLast((line) => line.c === "e" && isSaid(line)) ?? lines.findLast(isSaid) ?? null
}
