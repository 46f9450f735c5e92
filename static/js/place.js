// Where a reader stands in a scroll that begins at its bottom (`column-reverse`): what they see keeps its place while
// things grow and shrink around it.

const NEAR_BOTTOM_PX = 100

export class Place {
  #scroll
  #rows
  #anchor = null

  /** `rows()` gives the rows in their order. */
  constructor(scroll, rows) {
    this.#scroll = scroll
    this.#rows = rows
    new ResizeObserver(() => this.#settle()).observe(scroll.firstElementChild)
  }

  get isAtBottom() {
    return this.below <= NEAR_BOTTOM_PX
  }

  /** Pixels to the end of what is there, downwards and upwards. */
  get below() {
    return Math.abs(this.#scroll.scrollTop)
  }

  get above() {
    return this.#scroll.scrollHeight - this.#scroll.clientHeight - this.below
  }

  focus() {
    this.#scroll.focus()
  }

  toBottom() {
    this.#anchor = null
    this.#scroll.scrollTop = 0
  }

  /** Go to the top of a row that has no room in the window. */
  showTop(row) {
    if (row.offsetHeight <= this.#scroll.clientHeight) return
    this.#scroll.scrollTop += row.getBoundingClientRect().top - this.#scroll.getBoundingClientRect().top
    this.keep()
  }

  /**
   * Remember the first row in sight: it keeps its place when rows above or below it grow. At the bottom one follows what
   * comes, unless (`always`) it is older than what one came for.
   */
  keep(always = false) {
    if (this.isAtBottom && !always) return void (this.#anchor = null)
    const top = this.#scroll.getBoundingClientRect().top
    const row = this.#rows().find((each) => each.getBoundingClientRect().bottom > top)
    this.#anchor = row ? { row, top: row.getBoundingClientRect().top } : null
  }

  #settle() {
    if (!this.#anchor?.row.isConnected) return
    const moved = this.#anchor.row.getBoundingClientRect().top - this.#anchor.top
    if (moved) this.#scroll.scrollTop += moved
  }
}
