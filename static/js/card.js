// The live card of a deployment: what, how far, what went wrong, what next. In that order, always.

import { hasEnded, UNHEARD } from "./deployment_state.js"
import { clone, el, setHidden, setIcon, setText, setTone, slots } from "./dom.js"
import { paintFleet } from "./fleet.js"
import { look } from "./status.js"
import { about, fault, openMoves, sentence } from "./telling.js"
import { clock, everySecond, showTook } from "./ticker.js"
import { second } from "./time.js"
import { language, plural, word } from "./words.js"

/** Time enough to be read out, and to press again. */
const SURE_MS = 8_000
/** A finished card is one line after this, unless it failed. */
const COLLAPSE_MS = 10 * 60_000

export class Cards {
  #deployments
  #edges
  #cards = new Set()
  #watching = new Map()

  /** `edges`: `urls`, `excerpt(step)` resolves to the last telling line, `run(line)`, `canAct()`, `say(text)` aloud. */
  constructor(deployments, edges) {
    this.#deployments = deployments
    this.#edges = edges
    everySecond(() => {
      for (const card of this.#cards) {
        if (card.isConnected) card.age()
        else this.#forget(card)
      }
    })
  }

  /** The row of a `card` event. */
  row({ d, at }) {
    const card = new Card(d.deployment, this.#edges)
    this.#deployments.mention(d.deployment, d, at)
    card.stop = this.#deployments.watch(d.deployment, (entry) => card.update(entry))
    this.#cards.add(card)
    card.watched(this.#watching.get(d.deployment) ?? "")
    return card.row
  }

  /** Who else looks at a deployment, as words; "" for nobody. */
  watched(id, text) {
    if (text) this.#watching.set(id, text)
    else this.#watching.delete(id)
    for (const card of this.#cards) if (card.id === id) card.watched(text)
  }

  // Its row was trimmed, or drawn anew.
  #forget(card) {
    card.stop()
    this.#cards.delete(card)
  }

  /** The line to the server is cut (`since` an ISO time) or back (null): say how old what is shown is. */
  stale(since) {
    for (const card of this.#cards) card.stale(since)
  }
}

class Card {
  stop = () => {}
  #edges
  #id
  #slots
  #buttons
  #state = null
  #excerptOf = null
  #sureTimer = null
  #watching = ""

  constructor(id, edges) {
    this.#id = id
    this.#edges = edges
    this.row = clone("card")
    this.#slots = slots(this.row)
    this.#buttons = { stop: this.row.querySelector('[data-action="stop"]') }
    this.row.id = `card-${id}`
    for (const link of this.row.querySelectorAll('[data-action="open-deployment"]')) {
      link.href = edges.urls.deploymentPage(id)
      link.dataset.deployment = id
    }
    setText(this.#slots.id, `#${id}`)
    this.#buttons.stop.addEventListener("click", () => this.#stop())
  }

  get id() {
    return this.#id
  }

  get isConnected() {
    return this.row.isConnected
  }

  watched(text) {
    this.#watching = text
    this.#paintWatching()
  }

  // What has ended is no longer followed, so nobody says who has left.
  #paintWatching() {
    const text = this.#state && hasEnded(this.#state) ? "" : this.#watching
    setText(this.#slots.watch, text)
    setHidden(this.#slots.watch.parentElement, !text)
  }

  update({ state }) {
    this.#state = state
    const { tone, icon, spin } = look(state.status)
    const into = this.#slots
    setText(into.app, state.app)
    setText(into.environment, state.environment)
    setTone(into.glyph, tone)
    setIcon(into.glyph, icon, spin)
    setTone(into.status, tone)
    setText(into.status, word(`status.${state.status}`))
    setTone(into.card, tone)
    into.card.dataset.status = state.status
    const began = state.status === UNHEARD ? null : (state.started_at ?? state.requested_at)
    showTook(into.time, began, state.finished_at)
    this.#paintAbout()
    const { done, count } = paintFleet(into.fleet, state)
    setText(into.sentence, sentence(state))
    setText(into.count, count ? plural("servers_done", count, { done }) : "")
    this.#paintFault()
    this.#paintMoves()
    this.#paintWatching()
    this.age()
  }

  /** Fold a card that has been over for a while into one line. */
  age() {
    if (!this.#state) return
    const { requested_at, finished_at, status } = this.#state
    // An old one has ended most likely; it need not jump when it is heard of.
    const end = status === UNHEARD ? requested_at : finished_at
    const isOld = end && clock.now() - Date.parse(end) > COLLAPSE_MS
    const isLine = Boolean(isOld) && !["failed", "rolled_back"].includes(status)
    this.#slots.card.classList.toggle("card--line", isLine)
    setHidden(this.#slots.body, isLine)
    setHidden(this.#slots.foot, isLine)
  }

  stale(since) {
    const isStale = since !== null && this.#state && !hasEnded(this.#state)
    this.row.classList.toggle("is-stale", Boolean(isStale))
    setText(this.#slots.asof, isStale ? word("as_of", { time: second(since, language) }) : "")
    this.#buttons.stop.disabled = Boolean(isStale)
  }

  #paintAbout() {
    const { code, plain } = about(this.#state)
    const text = [code, ...plain].join(" · ")
    if (this.#slots.sub.dataset.text === text) return
    this.#slots.sub.dataset.text = text
    this.#slots.sub.replaceChildren(
      ...(code ? [el("span", "rev", code)] : []),
      [code ? "" : null, ...plain].filter((each) => each !== null).join(" · "),
    )
  }

  #paintFault() {
    const found = fault(this.#state)
    setHidden(this.#slots.fault, !found)
    if (!found) return
    const { step, server, text } = found
    const isNamed = server && text.includes(server)
    this.#slots.what.replaceChildren(
      ...(server && !isNamed ? [el("strong", "", server), " "] : []),
      ...bold(text, server),
    )
    this.#slots["fault-log"].href = this.#edges.urls.logPage(this.#id, step.key)
    Object.assign(this.#slots["fault-log"].dataset, { action: "open-log", deployment: this.#id, step: step.key })
    this.#quote(step)
  }

  // The last telling line of the failed step's log, once it is known.
  async #quote(step) {
    if (!step.step_id || !step.lines || this.#excerptOf === step.lines) return
    this.#excerptOf = step.lines
    const line = await this.#edges.excerpt(step).catch(() => {
      this.#excerptOf = null // the next look at it asks again; it is one press away in the log
    })
    if (!line) return
    setText(this.#slots["fault-line"], String(line.q))
    setText(this.#slots["fault-text"], line.text)
    this.#slots["fault-log"].dataset.line = line.q
    this.#slots["fault-log"].href = `${this.#edges.urls.logPage(this.#id, step.key)}#L${line.q}`
    setHidden(this.#slots["fault-log"], false)
  }

  #paintMoves() {
    const state = this.#state
    const where = `${state.app} in ${state.environment}`
    const can = openMoves(state)
    setHidden(this.#buttons.stop, !can.has("cancel"))
    for (const name of ["approve", "reject", "rollback", "retry", "pause", "resume"])
      setHidden(this.#slots[name], !can.has(name))
    this.#slots.approve.dataset.try = `/approve #${this.#id}`
    this.#slots.reject.dataset.try = `/reject #${this.#id} because `
    this.#slots.rollback.dataset.try = `/rollback ${where}`
    this.#slots.pause.dataset.try = `/pause #${this.#id}`
    this.#slots.resume.dataset.try = `/resume #${this.#id}`
    // Where some servers have the release, only the others need it.
    this.#slots.retry.dataset.try = `/retry #${this.#id}${state.params?.runs ? " --failed" : ""}`
  }

  // The first press asks, the second one stops.
  #stop() {
    const button = this.#buttons.stop
    if (!this.#edges.canAct()) return
    const isSure = button.classList.contains("is-sure")
    this.#ask(!isSure)
    if (isSure) this.#edges.run(`/cancel #${this.#id}`)
  }

  #ask(isAsking) {
    clearTimeout(this.#sureTimer)
    this.#buttons.stop.classList.toggle("is-sure", isAsking)
    setText(this.#slots["stop-word"], isAsking ? word("stop_sure", { id: this.#id }) : word("stop"))
    if (!isAsking) return
    this.#edges.say(this.#slots["stop-word"].textContent)
    this.#sureTimer = setTimeout(() => this.#ask(false), SURE_MS)
  }
}

/** A sentence with the server's name made strong where it stands. */
function bold(text, name) {
  if (!name || !text.includes(name)) return [text]
  const at = text.indexOf(name)
  return [text.slice(0, at), el("strong", "", name), text.slice(at + name.length)]
}
