// What goes on in one's other rooms: counted in the rail, and told where one wants to be told.

import { alertFor } from "./alerts.js"
import { CHANGES } from "./amend.js"
import { el, setHidden, setText } from "./dom.js"
import { clock } from "./ticker.js"
import { hasPhrase, phrase, plural, word } from "./words.js"

/** What is older was not heard when it happened, as behind a closed lid: it is counted, and calls nobody. */
const OLD_MS = 120_000
const COUNTED = new Set(["message", "command", "announcement"])

export class News {
  #me
  #wants
  #rooms = new Map()
  #edges

  /** `edges`: `speaker`, `notify`, `urls`, and `heard()` of all that happens; `wants` is the server's `alerts`. */
  constructor(me, wants, edges) {
    this.#me = me
    this.#wants = wants
    this.#edges = edges
  }

  get wants() {
    return this.#wants
  }

  /** The server says that something else is wanted now. */
  learn(wants) {
    this.#wants = wants
  }

  /** Follow another room from where the page's first data left it. */
  follow(feed, { id, slug, e, q, unread, mentions }) {
    const room = { id, slug, q, unread, mentions, link: document.querySelector(`.rail [data-room="${id}"]`) }
    this.#rooms.set(id, room)
    feed.follow(
      `room:${id}`,
      {
        apply: (events) => {
          this.#count(room, events)
          this.tell(events, room)
          this.#edges.heard?.()
        },
        restart: (picture, missed) => this.#catchUp(room, picture, missed),
        gone: () => room.link?.closest("li").remove(),
      },
      { e, q },
    )
  }

  /** Events of any room: call for what is worth it. */
  tell(events, { id, slug }) {
    for (const event of events) {
      const found = alertFor(event, id, this.#wants, this.#me, clock.live())
      if (!found) continue
      if (!(clock.live() - Date.parse(event.at) > OLD_MS)) this.#call(found, event, id, slug)
      if (!id || this.#rooms.has(id)) this.#edges.notify.add() // the room of this page is counted by whoever reads it out
      const mark = markOf(found.kind, event)
      if (mark) this.#edges.notify.urge(mark)
    }
  }

  #call({ kind, tag, isUrgent }, event, room, slug) {
    const { urls, speaker } = this.#edges
    const url = room ? urls.room(slug, event.q) : urls.deploymentPage(event.d.deployment)
    speaker.say({ room, title: titleOf(kind, event, slug), body: textOf(event), tag, url, isUrgent })
  }

  /** What one watches from outside its rooms, and what asks one to confirm, calls as an announcement of no room. */
  tellPrivate(event) {
    const isTold = event.k === "reply" && !event.d.for_cid && event.d.deployment
    if (isTold) this.tell([{ ...event, k: "announcement", by: null, q: null }], { id: null, slug: "" })
  }

  /** Read, on another page or device. */
  read(roomId) {
    const room = this.#rooms.get(roomId)
    if (!room) return
    room.unread = 0
    room.mentions = 0
    paint(room)
  }

  // Long away, or another life of the database: counted as far as it is known, and nobody is called for what is old.
  #catchUp(room, { q, last }, missed) {
    room.unread += missed
    this.#count(
      room,
      last.filter((event) => event.q > room.q),
    )
    room.q = q
  }

  #count(room, events) {
    room.q = Math.max(room.q, ...events.map((event) => event.q))
    const news = events.filter((event) => COUNTED.has(event.k) && event.by?.id !== this.#me.id && !CHANGES.has(event.k))
    room.unread += news.length
    room.mentions += news.filter((event) => alertFor(event, room.id, this.#wants, this.#me, clock.live())?.kind === "mention").length
    paint(room)
  }
}

function paint({ link, unread, mentions }) {
  if (!link) return
  link.classList.toggle("has-news", unread > 0)
  let count = link.querySelector(".count")
  if (!count) {
    count = el("span", "count")
    link.append(count)
  }
  setHidden(count, !unread)
  count.classList.toggle("count--quiet", !mentions)
  setText(count, String(mentions || unread))
  count.title = mentions ? plural("called", mentions) : plural("unread", unread)
}

// What stands first in the tab's title, with the icon that goes with it; "" for what can wait.
function markOf(kind, { by, d }) {
  if (kind === "mention") return `@${by?.name ?? ""}`
  if (kind === "failed") return `✕ #${d.deployment ?? ""}`
  return kind === "asks" ? `? #${d.deployment ?? ""}` : ""
}

function titleOf(kind, event, slug) {
  if (kind === "mention" || kind === "message") return word("alert.said", { name: event.by?.name ?? "", room: slug })
  return word(`alert.${kind}`, { room: slug, number: event.d.deployment ?? "" })
}

function textOf({ d }) {
  if (d.code) return hasPhrase(d.code) ? phrase(d.code, d.params) : d.code
  return d.text ?? ""
}
