// What the reader is called for in this room, and how this browser does it.

import { setHidden, setIcon, slots } from "./dom.js"

export class Bell {
  #room
  #speaker
  #edges
  #slots
  #levels
  #button

  /** `edges`: `wants()` gives the server's `alerts`, `setLevel(level)` asks for another one. */
  constructor(menu, room, speaker, edges) {
    this.#room = room
    this.#speaker = speaker
    this.#edges = edges
    this.#slots = slots(menu)
    this.#levels = [...menu.querySelectorAll('[name="level"]')]
    this.#button = document.querySelector('[popovertarget="bell"]')
    for (const choice of this.#levels) choice.addEventListener("change", () => this.#choose(choice.value))
    this.#slots.desktop.addEventListener("change", () => this.#desktop())
    this.#slots.sound.addEventListener("change", () => speaker.setSound(this.#slots.sound.checked))
    menu.addEventListener("toggle", () => this.paint())
    this.paint()
  }

  paint() {
    const { levels = {}, on_call: isOnCall } = this.#edges.wants()
    const level = levels[this.#room] ?? "mentions"
    for (const choice of this.#levels) choice.checked = choice.value === level
    this.#slots.desktop.checked = this.#speaker.hasDesktop
    this.#slots.sound.checked = this.#speaker.hasSound
    const isRefused = globalThis.Notification?.permission === "denied"
    this.#slots.desktop.disabled = isRefused || !globalThis.Notification
    setHidden(this.#slots.refused, !isRefused)
    setHidden(this.#slots.duty, !isOnCall)
    setIcon(this.#slots.icon ?? this.#button.firstElementChild, level === "nothing" && !isOnCall ? "bell-off" : "bell")
  }

  async #choose(level) {
    try {
      await this.#edges.setLevel(level)
    } catch {
      this.paint() // as it was
    }
  }

  async #desktop() {
    this.#slots.desktop.checked = await this.#speaker.setDesktop(this.#slots.desktop.checked)
    this.paint()
  }
}
