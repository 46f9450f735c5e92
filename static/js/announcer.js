// What a screen reader hears: at most one polite sentence a second, and urgent ones at once. Never log lines, never
// history.

const PAUSE_MS = 1_000

export class Announcer {
  #polite = document.getElementById("polite")
  #assertive = document.getElementById("assertive")
  #waiting = []
  #timer = null

  say(text) {
    this.#waiting.push(text)
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#polite.textContent = this.#waiting.splice(0).join(". ")
    }, PAUSE_MS)
  }

  urge(text) {
    this.#assertive.textContent = text
  }
}
