// What was typed and not yet answered. A message is sent again, under the same client id, until it is; a command
// that grows old is given back to its author and never fires late. What was sent and got no answer may have arrived all
// the same: it stays in doubt, and whoever sends it once more sends it under its old client id, which acts once.

export const COMMAND_TTL_MS = 15_000
export const MESSAGE_TTL_MS = 5 * 60_000
export const RESEND_MS = 10_000
const MOST_DOUBTS = 20

export class Outbox {
  #items = new Map()
  #doubts = new Map()
  #now

  constructor(now = Date.now) {
    this.#now = now
  }

  /**
   * Take a line in; `kind` is "message" or "command", or "edit" and "delete" of the message `id`. `reply` is what a
   * message answers: `{id, q, by, text}`.
   */
  add(cid, { kind, room, text = "", id, reply }) {
    const item = { cid, kind, room, text, id, reply, at: this.#now(), sentAt: null, wasSent: false }
    this.#items.set(cid, item)
    return item
  }

  /** Lines as another page of this tab left them, under the client ids that they may have gone out with. */
  takeUp(items) {
    for (const item of items) this.#items.set(item.cid, { ...item, sentAt: null })
  }

  get size() {
    return this.#items.size
  }

  get items() {
    return [...this.#items.values()]
  }

  /** Whether a line was given back that may have arrived. */
  isInDoubt(cid) {
    return this.#doubts.has(cid)
  }

  /** The server knew of no such line: it is asked no more. One that was still on its way may yet be seen. */
  unknown(cid) {
    this.#doubts.get(cid).isAnswered = true
  }

  /** The client id under which a line that was given back went out, if it may have arrived; it is in doubt no more. */
  again(text) {
    const item = [...this.#doubts.values()].find((each) => each.text === text)
    this.#doubts.delete(item?.cid)
    return item?.cid
  }

  /** Answered, or seen in the stream: done. Resolves to the item, or undefined when it was not ours. */
  settle(cid) {
    const item = this.#items.get(cid) ?? this.#doubts.get(cid)
    this.#items.delete(cid)
    this.#doubts.delete(cid)
    return item
  }

  /** A new connection: everything that is left goes out again. */
  reconnected() {
    for (const item of [...this.#items.values(), ...this.#doubts.values()]) item.sentAt = null
  }

  /** The frames to send now; each counts as sent. */
  due() {
    const now = this.#now()
    const frames = []
    for (const item of this.#items.values()) {
      if (item.sentAt !== null && now - item.sentAt < RESEND_MS) continue
      if (this.#isOld(item, now)) continue
      Object.assign(item, { sentAt: now, wasSent: true })
      frames.push(this.#frame(item, now))
    }
    for (const item of this.#doubts.values()) {
      if (item.kind !== "command" || item.isAnswered || item.sentAt !== null) continue
      item.sentAt = now
      frames.push(this.#question(item, now))
    }
    return frames
  }

  /** The items that waited too long: taken out, to go back to their author; `wasSent` ones may have arrived. */
  expired() {
    const now = this.#now()
    const old = this.items.filter((item) => this.#isOld(item, now))
    for (const item of old) {
      this.#items.delete(item.cid)
      if (item.wasSent && ["message", "command"].includes(item.kind)) this.#doubt(item)
    }
    return old
  }

  #doubt(item) {
    item.sentAt = null
    this.#doubts.set(item.cid, item)
    if (this.#doubts.size > MOST_DOUBTS) this.#doubts.delete(this.#doubts.keys().next().value)
  }

  #isOld(item, now) {
    return now - item.at > (item.kind === "command" ? COMMAND_TTL_MS : MESSAGE_TTL_MS)
  }

  #frame({ cid, kind, room, text, id, reply, at }, now) {
    if (kind === "edit") return { t: "message.edit", cid, room, id, text }
    if (kind === "delete") return { t: "message.delete", cid, room, id }
    if (kind === "message") return { t: "message", cid, room, text, ...(reply ? { reply_to: reply.id } : {}) }
    return { t: "command", cid, room, text, age_ms: now - at, ttl_ms: COMMAND_TTL_MS }
  }

  // A command that is too old runs no more, but is answered if it ran in time: else the server says `expired`. It says
  // that of every old `command` without looking, so this one goes as a message.
  #question({ cid, room, text, at }, now) {
    return { t: "message", cid, room, text, age_ms: now - at }
  }
}
