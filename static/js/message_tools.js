// What may be done with a message: answer, edit, copy its link, take it back. One bar, that goes to the row under the
// pointer or with the focus.

import { clone, setHidden, slot } from "./dom.js"
import { word } from "./words.js"

/** Time enough to be read out, and to press again. */
const SURE_MS = 8_000

export class MessageTools {
  #bar = clone("tools")
  #timeline
  #edges
  #row = null
  #sure = null

  /**
   * `edges`: `me` (`{id, name}`), `isManager()`, `mayWrite()`, `answer(event)`, `edit(event)`, `remove(event)`,
   * `said(text)` hears what to say aloud.
   */
  constructor(list, timeline, edges) {
    this.#timeline = timeline
    this.#edges = edges
    list.addEventListener("pointerover", (event) => event.pointerType !== "touch" && this.#goTo(event.target))
    list.addEventListener("focusin", (event) => this.#goTo(event.target))
    list.addEventListener("click", (event) => matchMedia("(pointer: coarse)").matches && this.#goTo(event.target))
    list.addEventListener("pointerleave", () => this.#bar.contains(document.activeElement) || this.#leave())
    this.#bar.addEventListener("click", (event) => this.#pressed(event))
    this.#bar.addEventListener("keydown", (event) => this.#moved(event))
  }

  /** Do `name` with the row that has the focus, or for `edit` with one's own last message; false when there is none. */
  act(name) {
    const row = document.activeElement.closest?.(".event")
    let event = row && this.#timeline.eventOf(row)
    if (!event && name === "edit") event = this.#timeline.findLast((each) => this.#may(each).edit)?.event
    if (!event || !this.#may(event)[name]) return false
    this.#do(name, event)
    return true
  }

  #goTo(target) {
    const row = target.closest?.(".event")
    if (!row || row === this.#row || this.#bar.contains(target)) return
    const event = this.#timeline.eventOf(row)
    const may = event ? this.#may(event) : {}
    if (!Object.values(may).some(Boolean)) return void this.#leave()
    this.#forget()
    this.#row = row
    for (const button of this.#bar.querySelectorAll("[data-action]")) setHidden(button, !may[button.dataset.action])
    row.append(this.#bar)
  }

  #leave() {
    this.#forget()
    this.#row = null
    this.#bar.remove()
  }

  #may(event) {
    const isMessage = event.k === "message" && event.q && !event.d.deleted
    const isOwn = event.by?.id === this.#edges.me.id
    return {
      reply: isMessage && this.#edges.mayWrite(),
      edit: isMessage && isOwn,
      "copy-link": Boolean(event.q) && ["message", "command", "reply", "announcement"].includes(event.k) && !event.d.deleted,
      delete: isMessage && (isOwn || this.#edges.isManager()),
    }
  }

  #pressed(press) {
    const name = press.target.closest("[data-action]")?.dataset.action
    const event = this.#row && this.#timeline.eventOf(this.#row)
    if (!name || !event) return
    press.stopPropagation()
    if (name === "delete" && !this.#sure) return void this.#ask(press.target.closest("button"))
    this.#forget()
    this.#do(name, event)
  }

  #do(name, event) {
    if (name === "reply") this.#edges.answer(event)
    else if (name === "edit") this.#edges.edit(event)
    else if (name === "delete") this.#edges.remove(event)
    else if (name === "copy-link") this.#copy(event)
  }

  async #copy({ q }) {
    const address = new URL(`#e${q}`, location.href.replace(/#.*/, "")).href
    try {
      await navigator.clipboard.writeText(address)
      this.#edges.said(word("copied"))
    } catch {
      this.#edges.said(word("not_copied", { address })) // not every browser lets a page, and none over plain HTTP
    }
  }

  // The second press does it. Whoever listens is told so, and hears another name of the button.
  #ask(button) {
    button.classList.add("is-sure")
    button.dataset.label = button.getAttribute("aria-label")
    button.setAttribute("aria-label", slot(button, "sure").textContent)
    this.#edges.said(word("take_back_sure"))
    setHidden(slot(button, "sure"), false)
    this.#sure = setTimeout(() => this.#forget(), SURE_MS)
  }

  #forget() {
    clearTimeout(this.#sure)
    this.#sure = null
    const button = this.#bar.querySelector(".is-sure")
    if (!button) return
    button.classList.remove("is-sure")
    button.setAttribute("aria-label", button.dataset.label)
    this.#edges.said("")
    setHidden(slot(button, "sure"), true)
  }

  // As in any toolbar, arrows move along it.
  #moved(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const buttons = [...this.#bar.querySelectorAll("button:not([hidden])")]
    buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length]?.focus()
    event.preventDefault()
  }
}
