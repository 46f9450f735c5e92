// What a reader who looks elsewhere sees of this tab: its title, and its icon.

const ICON = document.querySelector('link[rel="icon"]')

export class Notify {
  #title = document.title
  #icons
  #count = 0
  #urgent = ""

  constructor() {
    this.#icons = { quiet: ICON?.href, ...ICON?.dataset } // data-news and data-urgent: its other faces
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.clear())
  }

  /** Something came while the page was not looked at. */
  add(count = 1) {
    if (document.visibilityState === "visible") return
    this.#count += count
    this.#paint()
  }

  /** Something went wrong, or waits for a person: its words stand first. */
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
    const face = this.#icons[this.#urgent ? "urgent" : this.#count ? "news" : "quiet"]
    if (ICON && face && ICON.href !== face) ICON.href = face
  }
}
