// What a reader who does not look, or cannot see, is told: read aloud by the announcer, or marked in the tab's title.

import { hasEnded } from "./deployment_state.js"
import { plural, word } from "./words.js"

/** Fewer events than this at once were said now; more are history, and are not read aloud. */
const CHATTER = 4

export class Hearing {
  #announcer
  #notify
  #me
  #statuses = new Map()

  constructor(announcer, notify, me) {
    this.#announcer = announcer
    this.#notify = notify
    this.#me = me
  }

  /** Events of the room; returns whether they happened now. */
  events(events) {
    const isNow = events.length < CHATTER
    for (const event of events) this.#event(event, isNow)
    if (!isNow) this.#announcer.say(plural("announce.caught_up", events.length))
    return isNow
  }

  #event({ k, by, d }, isNow) {
    if (!by || by.name === this.#me) return
    const text = d.text ?? ""
    this.#notify.add()
    if (isNow && ["message", "command"].includes(k)) {
      this.#announcer.say(word("announce.message", { name: by.name, text }))
    }
  }

  /** A deployment as it is now: its status is told once, and a failure at once. */
  deployment({ state, isComplete }) {
    if (!isComplete) return
    const before = this.#statuses.get(state.id)
    this.#statuses.set(state.id, state.status)
    if (before === undefined || before === state.status) return
    const { id, app, environment } = state
    const text = word("announce.deployment", { id, app, environment, status: word(`status.${state.status}`) })
    const isBad = ["failed", "rolled_back"].includes(state.status)
    if (isBad) this.#announcer.urge(text)
    else this.#announcer.say(text)
    if (hasEnded(state)) this.#notify.add()
    if (isBad) this.#notify.urge(`✕ #${id}`)
  }
}
