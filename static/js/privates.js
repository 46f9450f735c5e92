// What the bot says to one person alone, in the room where it was asked. It survives a reload until it is dismissed.

/** So much of an answer is spoken at once; a list of all commands would not end. */
const SPOKEN = 400

export class Privates {
  #rows = new Map()
  #room
  #edges

  /** `edges`: `view`, `timeline`, `outgoing`, `send(frame)`, `urge(text)`, `say(text)`, `changed()`, `focus()`. */
  constructor(room, edges) {
    this.#room = room
    this.#edges = edges
  }

  /** An event of one's own stream; `isNow` when it just happened. */
  heard(event, { isNow }) {
    if (event.k === "reply.dismissed") return this.#remove(event.d.q)
    if (event.d.for_cid) this.#edges.outgoing.settle(event.d.for_cid)
    const isHere = !event.d.room || event.d.room === this.#room
    if (event.k === "reply" && isHere && !this.#rows.has(event.q)) this.#add(event, isNow)
    return undefined
  }

  #add(event, isNow) {
    const row = this.#edges.view.privateRow(event, {
      dismiss: () => this.#dismiss(event.q),
      sendAsMessage: (text) => {
        this.#dismiss(event.q)
        this.#edges.outgoing.send(text.replace(/^\//, "//"))
      },
    })
    this.#rows.set(event.q, row)
    this.#edges.timeline.addPrivate(row, event, { isNow })
    if (isNow) this.#edges.urge(row.textContent.replace(/\s+/g, " ").trim().slice(0, SPOKEN))
    this.#edges.changed()
  }

  /** Something that the page itself says to the reader. */
  note(text) {
    this.#edges.urge(text)
    this.#edges.say(text)
  }

  #dismiss(q) {
    this.#edges.send({ t: "dismiss", q })
    this.#remove(q)
    this.#edges.focus()
  }

  #remove(q) {
    const row = this.#rows.get(q)
    this.#rows.delete(q)
    if (row) this.#edges.timeline.remove(row)
    this.#edges.changed()
  }
}
