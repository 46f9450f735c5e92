// What is typed on its way to the server: shown at once, sent until it is answered, given back when that takes too long.

import { freshId } from "./fresh.js"
import { isCommand } from "./line.js"
import { Outbox } from "./outbox.js"
import { keep } from "./store.js"
import { word } from "./words.js"

const KNOWN_ERRORS = new Set(["too_long", "rate_limited", "not_found", "expired", "read_only", "forbidden", "unavailable"])

export class Outgoing {
  #connection
  #timeline
  #composer
  #edges
  #outbox = new Outbox()
  #key

  /** `edges`: `view` draws echoes, `me` and `room` sign them, `changed()` hears that the timeline may be empty or not. */
  constructor(connection, timeline, composer, edges) {
    this.#connection = connection
    this.#timeline = timeline
    this.#composer = composer
    this.#edges = edges
    this.#key = `outbox:${edges.me.id}:${edges.room}`
    setInterval(() => this.#pump(), 1_000)
  }

  /** Take up what was on its way when this tab was loaded anew. */
  resume() {
    const items = JSON.parse(globalThis.sessionStorage.getItem(this.#key) ?? "[]")
    this.#outbox.takeUp(items)
    for (const item of items) if (["message", "command"].includes(item.kind)) this.#show(item)
  }

  /** Send a line; `reply` (`{id, q, by, text}`) is what it answers. */
  send(text, reply) {
    const cid = this.#outbox.again(text) ?? freshId()
    const kind = isCommand(text) ? "command" : "message"
    const item = this.#outbox.add(cid, { kind, room: this.#edges.room, text, reply: kind === "message" ? reply : undefined })
    this.#show(item)
    this.#connection.send({ t: "typing", room: this.#edges.room, on: false })
    this.#pump()
  }

  #show(item) {
    const { row, event } = this.#edges.view.echo(item, this.#edges.me)
    this.#timeline.echo(item.cid, row, event)
    this.#edges.changed()
  }

  #keep() {
    const { items } = this.#outbox
    keep(this.#key, items.length ? JSON.stringify(items) : "")
  }

  /** Let the message `id` say `text`. */
  edit(id, text) {
    this.#outbox.add(freshId(), { kind: "edit", room: this.#edges.room, id, text })
    this.#pump()
  }

  /** Take the message `id` back. */
  remove(id) {
    this.#outbox.add(freshId(), { kind: "delete", room: this.#edges.room, id })
    this.#pump()
  }

  /** A new connection: what was not answered goes out again, under the same id. */
  reconnected() {
    this.#outbox.reconnected()
    this.#pump()
  }

  /** Answered. A line that all may see comes back as an event, and its echo waits for it. */
  acked({ cid, q }) {
    this.#settle(cid)
    if (!q || q <= this.#timeline.newest) this.#timeline.unecho(cid)
    this.#edges.changed()
  }

  /** Seen, in the room or as a private answer. */
  settle(cid) {
    this.#settle(cid)
    this.#timeline.unecho(cid)
  }

  // A line that was given back for want of an answer, and had arrived: its author need not send it again.
  #settle(cid) {
    const isBack = this.#outbox.isInDoubt(cid)
    const item = this.#outbox.settle(cid)
    if (item) this.#keep()
    if (isBack) this.#composer.takeOut(item.text, word("arrived"))
  }

  refused({ cid, code }) {
    if (!cid) return
    if (this.#outbox.isInDoubt(cid)) return void this.#stillBack(cid, code)
    const item = this.#outbox.settle(cid)
    this.#keep()
    this.#timeline.unecho(cid)
    this.#edges.changed()
    if (item?.kind === "delete") return void this.#composer.say(word("error.not_done"))
    if (item)
      this.#composer.giveBack(item.text, word(KNOWN_ERRORS.has(code) ? `error.${code}` : "error.other", { code }))
  }

  // Nobody but the server knows what became of a line in doubt; another refusal says nothing of it.
  #stillBack(cid, code) {
    if (code !== "expired") return
    this.#outbox.unknown(cid)
    this.#composer.say(word("not_run"))
  }

  #pump() {
    const old = this.#outbox.expired()
    for (const item of old) {
      this.#timeline.unecho(item.cid)
      if (item.kind === "delete") this.#composer.say(word("error.not_done"))
      else this.#composer.giveBack(item.text, whyBack(item))
    }
    const due = this.#connection.isOpen ? this.#outbox.due() : []
    if (old.length || due.length || !this.#connection.isOpen) this.#keep()
    for (const frame of due) this.#connection.send(frame)
    if (!this.#connection.isOpen) for (const row of this.#timeline.echoes()) this.#edges.view.waits(row)
  }
}

function whyBack({ kind, wasSent }) {
  if (kind === "command") return word(wasSent ? "perhaps_run" : "not_run")
  return word(wasSent ? "perhaps_sent" : "not_sent")
}
