// The buttons of a deployment's page: which of the server's forms make sense now, and why some are closed.

import { setHidden } from "./dom.js"
import { openMoves } from "./telling.js"

export class MovesView {
  #forms
  #reasons

  constructor(root) {
    this.#forms = [...root.querySelectorAll("[data-move]")]
    this.#reasons = [...root.querySelectorAll("[data-why]")]
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.#close(event))
    document.addEventListener("click", (event) => event.target.closest(".sure") || this.#closeAll())
  }

  update(state) {
    const words = openMoves(state)
    for (const form of this.#forms) setHidden(form, !words.has(form.dataset.move))
    for (const reason of this.#reasons) setHidden(reason, !reason.dataset.why.split(" ").some((each) => words.has(each)))
  }

  #close(event) {
    const details = event.target.closest("details[open]")
    if (!details) return
    details.open = false
    details.querySelector("summary").focus()
  }

  #closeAll() {
    for (const form of this.#forms) form.querySelector("details[open]")?.removeAttribute("open")
  }
}
