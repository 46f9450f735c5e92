// The tab's title tells what one has not looked at.

export class Notify {
  #title = document.title
  #count = 0
  #urgent = ""

  constructor() {
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.clear())
  }

  /** Something came while the page was not looked at. */
  add(count = 1) {
    if (document.visibilityState === "visible") return
    this.#count += count
    this.#paint()
  }

  /** Something went wrong: its words stand first. */
  urge(text) {
    if (document.visibilityState === "visible") return
    this.#urgent = text
    this.#paint()
  }

  clear() {
    this.#count = 0
    this.#urgent = ""
    this.#paint()
  }

  #paint() {
    document.title = [this.#count ? `(${this.#count})` : "", this.#urgent, this.#title].filter(Boolean).join(" ")
  }
}
