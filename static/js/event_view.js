// One event of a room as a row of the timeline: a clone of its template, filled with text.

import { contain } from "./contain.js"
import { clone, el, setHidden, setIcon, setTone, slots } from "./dom.js"
import { MessageView, paintSaid, stamp } from "./message_view.js"
import { renderReply } from "./reply_view.js"
import { look } from "./status.js"
import { hasPhrase, phrase, word } from "./words.js"

/** What the card of the deployment says already, and better: no row of its own. */
const ON_THE_CARD = /^(?:announce\.started|announce\.waiting|(?:rollback_)?requested(?:\.queued)?)$/

/** What an announcement's code says about its tone. */
const NOTE_LOOKS = [
  [/fail|lost/, "failed"],
  [/roll/, "rolled_back"],
  [/cancel|stop|reject|expire/, "cancelled"],
  [/finish|success|succeed|done/, "succeeded"],
  [/wait|queue|approv/, "queued"],
]

export class EventView {
  #context
  #cards
  #messages
  #confirm

  /** `context`: `{me, urls, isCalled(name)}`; `cards` makes live cards, `confirm` (ConfirmView) asks before a deployment. */
  constructor(context, cards, confirm, unfurl) {
    this.#confirm = confirm
    this.#context = context
    this.#cards = cards
    this.#messages = new MessageView(context, unfurl)
  }

  /** A row for an event of the room's stream; null for what is told elsewhere on the page. */
  row(event) {
    if (ON_THE_CARD.test(event.d?.code ?? "")) return null
    return contain(() => this.#drawn(event), () => undrawn(event))
  }

  #drawn(event) {
    switch (event.k) {
      case "message":
        return this.#messages.message(event)
      case "command":
        return this.#messages.command(event)
      case "reply":
        return this.#reply(event)
      case "card":
        return this.#card(event)
      case "announcement":
        return this.#announcement(event)
      case "member.joined":
      case "member.left":
        return note(event, membership(event), "users", "mute")
      case "topic.changed":
        return note(event, word(event.d.topic ? "topic" : "topic.none", { name: event.by?.name, ...event.d }), "edit", "mute")
      case "room.changed":
        return note(event, changed(event), event.d.is_closed ? "lock" : "unlock", "mute")
      default:
        return note(event, word("unsupported"), "info", "mute")
    }
  }

  /** A private answer of the bot; `act(name, row)` hears of its buttons. */
  privateRow(event, acts) {
    return contain(() => this.#private(event, acts), () => undrawn(event))
  }

  #private(event, { dismiss, sendAsMessage }) {
    const row = clone("private")
    const into = slots(row)
    const { text, code, params, suggest } = event.d
    stamp(into.time, event.at)
    if (text) {
      paintSaid(into.said, text)
      setHidden(into.line, false)
    }
    into.text.append(...renderReply(code, params ?? {}, this.#context))
    if (code === "announce.confirm") this.#confirm.dress(into, event.d)
    else this.#suggest(into.moves, suggest)
    if (code === "unknown_command" && text) {
      const send = el("button", "button button--quiet button--small", word("send_as_message"))
      send.type = "button"
      send.addEventListener("click", () => sendAsMessage(text, row))
      into.moves.append(send)
      setHidden(into.moves, false)
    }
    row.querySelector('[data-action="dismiss"]').addEventListener("click", () => dismiss(row))
    return row
  }

  /** What was just typed, until the server answers: `{row, event}`, the event as it will look. */
  echo({ kind, text, at, reply }, me) {
    const event = { k: kind, at: new Date(at).toISOString(), by: me, d: { text, reply } }
    const row = kind === "command" ? this.#messages.command(event) : this.#messages.message(event)
    row.classList.add("message--waiting")
    row.removeAttribute("data-q")
    return { row, event }
  }

  /** Say under an echo that it waits for the connection. */
  waits(row) {
    const state = row.querySelector('[data-slot="state"]')
    if (state) setHidden(state, false)
  }

  #reply(event) {
    const row = clone("reply")
    const into = slots(row)
    row.dataset.q = event.q
    stamp(into.time, event.at)
    into.text.replaceChildren(...renderReply(event.d.code, event.d.params ?? {}, this.#context))
    this.#suggest(into.moves, event.d.suggest)
    return row
  }

  #card(event) {
    const row = this.#cards.row(event)
    row.dataset.q = event.q
    return row
  }

  #announcement(event) {
    const { code, params, deployment } = event.d
    if (code === "announce.said") return note(event, phrase(code, params), "bell", "run")
    const status = NOTE_LOOKS.find(([pattern]) => pattern.test(code))?.[1] ?? "running"
    const { tone, icon: name } = look(status)
    const row = note(event, hasPhrase(code) ? phrase(code, params) : code, name === "running" ? "play" : name, tone)
    if (deployment) {
      const { number } = slots(row)
      number.textContent = `#${deployment}`
      number.href = this.#context.urls.deploymentPage(deployment)
      number.dataset.action = "open-deployment"
      number.dataset.deployment = deployment
    }
    return row
  }

  #suggest(moves, suggest = []) {
    for (const line of suggest ?? []) {
      const button = el("button", "try", line)
      button.type = "button"
      button.dataset.try = line
      moves.append(button)
    }
    setHidden(moves, !moves.childElementCount)
  }
}

function membership({ k, by, d }) {
  const name = d.person?.name ?? by?.name ?? ""
  const isOwn = !by || by.id === d.person?.id
  if (k === "member.joined") return word(isOwn ? "joined" : "let_in", { name, by: by?.name })
  return word(isOwn ? "left" : "taken_out", { name, by: by?.name })
}

function changed({ by, d }) {
  if (d.apps) return word(d.apps.length ? "room.apps" : "room.no_apps", { name: by?.name ?? "", apps: d.apps.join(", ") })
  const kind = d.is_announcements ? "room.announcements" : d.is_closed ? "room.closed" : "room.open"
  return word(kind, { name: by?.name ?? "" })
}

// One line that cannot be drawn leaves the room as it is.
function undrawn(event) {
  return note(event, word("undrawn"), "warning", "mute")
}

function note(event, text, name, tone) {
  const row = clone("note")
  const into = slots(row)
  row.dataset.q = event.q
  setIcon(into.glyph, name)
  setTone(into.glyph, tone)
  into.text.textContent = text
  stamp(into.time, event.at)
  return row
}
