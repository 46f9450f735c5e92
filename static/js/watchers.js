// Who looks at a deployment just now: said on its card, and in the room's head while one has it open oneself.

import { setHidden, setText } from "./dom.js"
import { list, plural } from "./words.js"

export class Watchers {
  #me
  #cards
  #head
  #send
  #open = null
  #people = new Map()

  /** `cards` (Cards) shows names, `head` is the place in the room's head (null for none), `send(frame)` tells the server. */
  constructor(me, cards, head, send) {
    this.#me = me
    this.#cards = cards
    this.#head = head
    this.#send = send
  }

  /** The reader opened deployment `id`, or (null) closed it. */
  look(id) {
    this.#open = id
    this.tell()
    this.#paintHead()
  }

  /** A new connection knows nothing of it. The stream is followed a moment after the panel opens. */
  tell() {
    setTimeout(() => this.#send({ t: "watch", deployment: this.#open }), 300)
  }

  /** A new connection: who looks is told anew, and who left meanwhile is not. */
  renew() {
    for (const id of this.#people.keys()) this.#cards.watched(id, "")
    this.#people.clear()
    this.#paintHead()
    this.tell()
  }

  heard({ s, people }) {
    const id = Number(s.split(":")[1])
    this.#people.set(id, people)
    const others = people.filter((person) => person.id !== this.#me.id).map((person) => person.name)
    this.#cards.watched(id, others.length ? plural("watch", others.length, { names: list(others, 3) }) : "")
    this.#paintHead()
  }

  #paintHead() {
    if (!this.#head) return
    const people = this.#open === null ? [] : (this.#people.get(this.#open) ?? [])
    setHidden(this.#head.parentElement, people.length < 2)
    setText(this.#head, plural("watching_here", people.length, { number: this.#open ?? "" }))
    this.#head.parentElement.title = people.map((person) => person.name).join(", ")
  }
}
