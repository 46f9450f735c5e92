// What stands above the talk, and changes with it: the topic, the announcement, the bell, and whether one may write.

import { Bell } from "./bell.js"
import { setHidden, setText } from "./dom.js"
import { Pinned } from "./pinned.js"

export class RoomHead {
  #room
  #parts
  #pinned
  #bell

  /** `parts`: elements `topic`, `pinned`, `bell`, `composer`, `readOnly`; the rest is `Bell`'s. */
  constructor(room, parts, speaker, edges) {
    this.#room = room
    this.#parts = parts
    this.#pinned = new Pinned(parts.pinned)
    this.#bell = new Bell(parts.bell, room.id, speaker, edges)
  }

  /** As a picture of the room has it. */
  show({ topic, is_announcements: isAnnouncements, pinned }) {
    setText(this.#parts.topic, topic)
    this.#mayWrite(!isAnnouncements || this.#room.is_manager)
    this.#pinned.show(pinned)
  }

  /** Events of the room, as they come. */
  heard(events) {
    for (const { k, q, at, d } of events) {
      if (k === "topic.changed") setText(this.#parts.topic, d.topic)
      if (k === "room.changed" && "is_announcements" in d) this.#mayWrite(!d.is_announcements || this.#room.is_manager)
      if (k === "announcement" && d.code === "announce.said") {
        this.#pinned.show({ q, at, by: d.params.by, text: d.params.text })
      }
    }
  }

  /** What the reader is called for has changed. */
  learned() {
    this.#bell.paint()
  }

  #mayWrite(may) {
    setHidden(this.#parts.composer, !may)
    setHidden(this.#parts.readOnly, may)
  }
}
