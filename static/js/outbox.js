// What was typed and not yet answered. A message is sent again, under the same client id, until it is; a command
// that grows old is given back to its author and never fires late.

export const COMMAND_TTL_MS = 15_000
export const MESSAGE_TTL_MS = 5 * 60_000
export const RESEND_MS = 10_000

export class Outbox {
  #items = new Map()
  #now

  constructor(now = Date.now) {
    this.#now = now
  }

  /**
   * Take a line in; `kind` is "message" or "command", or "edit" and "delete" of the message `id`. `reply` is what a
   * message answers: `{id, q, by, text}`.
   */
  add(cid, { kind, room, text = "", id, reply }) {
    const item = { cid, kind, room, text, id, reply, at: this.#now(), sentAt: null }
    this.#items.set(cid, item)
    return item
  }

  has(cid) {
    return this.#items.has(cid)
  }

  get size() {
    return this.#items.size
  }

  get items() {
    return [...this.#items.values()]
  }

  /** Answered, or seen in the stream: done. Resolves to the item, or undefined when it was not ours. */
  settle(cid) {
    const item = this.#items.get(cid)
    this.#items.delete(cid)
    return item
  }

  /** A new connection: everything that is left goes out again. */
  reconnected() {
    for (const item of this.#items.values()) item.sentAt = null
  }

  /** The frames to send now; each counts as sent. */
  due() {
    const now = this.#now()
    const frames = []
    for (const item of this.#items.values()) {
      if (item.sentAt !== null && now - item.sentAt < RESEND_MS) continue
      if (this.#isOld(item, now)) continue
      item.sentAt = now
      frames.push(this.#frame(item, now))
    }
    return frames
  }

  /** The items that waited too long: taken out, to go back to their author. */
  expired() {
    const now = this.#now()
    const old = this.items.filter((item) => this.#isOld(item, now))
    for (const item of old) this.#items.delete(item.cid)
    return old
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
}
