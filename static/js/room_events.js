// What comes of the room's stream and of the reader's own: each event goes to the parts of the page that show it.

import { contain } from "./contain.js"
import { setHidden, setText, slot } from "./dom.js"
import { plural, word } from "./words.js"

export class RoomEvents {
  #boot
  #room
  #parts
  #read
  #readTo = 0

  /**
   * `boot` is the page's first data. `parts`: `feed`, `connection`, `timeline`, `deployments`, `presence`, `outgoing`,
   * `privates`, `head`, `news`, `hearing`, `navigation`; `changed()` hears that the timeline may be empty or not.
   */
  constructor(boot, parts) {
    this.#boot = boot
    this.#room = boot.room
    this.#parts = parts
    this.#read = boot.read ?? 0
  }

  // From the pictures in the page, or, where there is none, from those the server sends.
  follow() {
    const { room_stream: room, person_stream: person, you, rooms } = this.#boot
    const { feed, news, privates } = this.#parts
    if (room) contain(() => this.#restart(room, 0, this.#read))
    if (room) this.#offerJump(room.last[0]?.q ?? 0)
    feed.follow(
      `room:${this.#room.id}`,
      {
        apply: (events) => this.#roomEvents(events),
        restart: (picture, missed) => this.#restart(picture, missed),
        gone: () => this.#parts.connection.close("removed"),
      },
      room && { e: room.e, q: room.q },
    )
    for (const event of person?.last ?? []) privates.heard(event, { isNow: false })
    feed.follow(
      `person:${you.id}`,
      {
        apply: (events) => events.forEach((event) => this.#personEvent(event)),
        restart: ({ last }) => last.forEach((event) => this.#personPast(event)),
      },
      person && { e: person.e, q: person.q },
    )
    for (const each of rooms ?? []) news.follow(feed, each)
  }

  /** The reader saw the events up to `q`; what could not be said yet is said with the next call. */
  markRead(q) {
    this.#readTo = Math.max(this.#readTo, q)
    if (this.#readTo <= this.#read) return
    const isSent = this.#parts.connection.send({ t: "read", room: this.#room.id, q: this.#readTo })
    if (isSent) this.#read = this.#readTo
  }

  /** On another page or device of the reader. */
  wasRead(room, q) {
    this.#parts.news.read(room)
    if (room === this.#room.id) this.#read = Math.max(this.#read, q)
  }

  // More is unread than what is loaded: the way up to where it begins.
  #offerJump(first) {
    const button = document.querySelector('[data-action="jump"]')
    const count = this.#boot.unread
    if (!count || this.#read < 1 || first <= this.#read + 1) return
    setText(slot(button, "count"), plural("jump", count))
    setHidden(button, false)
    const from = this.#read + 1
    button.addEventListener("click", () => {
      setHidden(button, true)
      this.#parts.timeline.show(from)
    })
  }

  // Of a picture that came after a long while: nobody is called for what is old.
  #personPast(event) {
    if (event.k === "alerts") this.#learn(event.d)
    else this.#parts.privates.heard(event, { isNow: false })
  }

  #learn(wants) {
    this.#parts.news.learn(wants)
    this.#parts.head.learned()
  }

  #personEvent(event) {
    const { news, privates } = this.#parts
    if (event.k === "alerts") this.#learn(event.d)
    else if (event.k === "membership") this.#membership(event.d)
    else privates.heard(event, { isNow: true })
    news.tellPrivate(event)
  }

  #membership({ room, slug, is_in: isIn }) {
    if (room === this.#room.id) return
    const row = document.querySelector(`.rail [data-room="${room}"]`)
    if (!isIn) row?.closest("li").remove()
    else if (!row) this.#parts.privates.note(word("you_joined", { room: slug }))
  }

  #restart({ e, state, last }, missed, read = null) {
    const { head, deployments, presence, timeline, outgoing, changed } = this.#parts
    head.show(state)
    for (const each of state.deployments ?? []) deployments.adopt(each, e)
    if (state.people) presence.show(state.people)
    timeline.restart(last, { read, missed })
    for (const { cid } of last) if (cid) outgoing.settle(cid)
    changed()
  }

  #roomEvents(events) {
    const { timeline, outgoing, presence, head, news, hearing, navigation, changed } = this.#parts
    timeline.append(events)
    for (const { cid, by } of events) {
      if (cid) outgoing.settle(cid)
      if (by) presence.spoke(by.name)
    }
    changed()
    head.heard(events)
    news.tell(events, this.#room)
    const isNow = hearing.events(events)
    const card = events.findLast((event) => event.k === "card")
    if (isNow && card) navigation.offer(card.d.deployment)
  }
}
