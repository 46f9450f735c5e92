// What the reader sees of the line to the server: a word in the rail, and a banner once it has been away for a while.

import { setHidden, setText, setTone, slots } from "./dom.js"
import { clock, everySecond } from "./ticker.js"
import { elapsed } from "./time.js"
import { word } from "./words.js"

const PATIENCE_MS = 2_000
/** The first connection may take longer: it has a socket to try, and polling after that. */
const FIRST_MS = 15_000
/** Being a moment behind is how every event arrives. */
const BEHIND_MS = 800

const LOOKS = {
  connecting: ["mute", "connecting"],
  live: ["ok", "connected"],
  polling: ["ok", "polling"],
  waiting: ["wait", "reconnecting"],
  ended: ["wait", "ended"],
  removed: ["wait", "removed"],
  outdated: ["wait", "outdated"],
}

export class ConnectionView {
  #label
  #banner
  #slots
  #app
  #edges
  #connection = null
  #lostAt = null
  #behindAt = null
  #wasOpen = false

  /** `edges`: `isBehind()`, `retry()`; where there is more to say it to: `stale(since|null)`, `note(text)` above the field. */
  constructor({ label, banner, app }, edges) {
    this.#label = label
    this.#banner = banner
    this.#slots = slots(banner)
    this.#app = app
    this.#edges = edges
    banner.querySelector('[data-action="retry"]').addEventListener("click", () => edges.retry())
    everySecond(() => this.paint())
    addEventListener("offline", () => this.paint())
    addEventListener("online", () => this.paint())
  }

  /** The connection changed. */
  changed(connection) {
    this.#connection = connection
    if (connection.isOpen) {
      this.#wasOpen = true
      this.#lostAt = null
    } else this.#lostAt ??= Date.now()
    this.paint()
  }

  paint() {
    if (!this.#connection) return
    const { state, isOpen } = this.#connection
    const isFinal = this.#connection.isOver
    const patience = this.#wasOpen ? PATIENCE_MS : FIRST_MS
    const isLost = isFinal || (this.#lostAt !== null && Date.now() - this.#lostAt > patience)
    const [tone, key] = this.#look(state, isOpen)
    setTone(this.#label, tone)
    setText(this.#label, word(key))
    setHidden(this.#label, false)
    setHidden(this.#banner, !isLost)
    if (isLost) this.#say(state, isFinal)
    else setText(this.#slots.said, "") // so that it is read out anew the next time
    if (isLost === this.#app.classList.contains("is-stale")) return
    this.#app.classList.toggle("is-stale", isLost)
    this.#edges.stale?.(isLost ? new Date(clock.now() - (Date.now() - (this.#lostAt ?? Date.now()))).toISOString() : null)
    this.#edges.note?.(isLost && !isFinal ? word("messages_wait") : "")
  }

  #look(state, isOpen) {
    if (!isOpen || !this.#edges.isBehind()) this.#behindAt = null
    else this.#behindAt ??= Date.now()
    if (this.#behindAt && Date.now() - this.#behindAt > BEHIND_MS) return ["run", "catching_up"]
    if (!isOpen && !navigator.onLine) return ["wait", "offline"]
    if (state === "connecting" && this.#wasOpen) return LOOKS.waiting
    return LOOKS[state]
  }

  #say(state, isFinal) {
    const left = Math.max(0, (this.#connection.retryAt ?? 0) - Date.now())
    const again = left > 900 ? word("retry_in", { time: elapsed(left + 500) }) : word("retry_now")
    for (const move of this.#banner.querySelectorAll("[data-after]")) setHidden(move, move.dataset.after !== state)
    const sentences = isFinal
      ? [word(LOOKS[state][1]), state === "ended" ? word("ended_more") : ""]
      : [word("lost"), again, word("runs_on")]
    const [first, ...rest] = sentences
    setText(this.#slots.said, first) // read out once; the seconds that count down beside it are for the eye
    setText(this.#slots.more, rest.join(" "))
    setHidden(this.#banner.querySelector('[data-action="retry"]'), isFinal)
  }
}
