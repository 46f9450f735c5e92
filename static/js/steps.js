// The list of steps that is always there: for screen readers, phones, tests, and whoever reads faster than a picture.
// Rows are kept by key and changed in place.

import { clone, el, setHidden, setIcon, setText, setTone, slots } from "./dom.js"
import { paintFleet } from "./fleet.js"
import { servers } from "./graph_fold.js"
import { batchState, MOST_OPEN, rowsOf, telling } from "./rows.js"
import { look } from "./status.js"
import { showTook } from "./ticker.js"
import { percent, phrase, plural, word } from "./words.js"

const TROUBLE = new Set(["failed", "timed_out", "lost"])

export class Steps {
  #list
  #edges
  #rows = new Map()
  #picked = null
  #toggled = new Set()
  #state = null

  /** `edges`: `pick(step)` when a row is pressed, `logPage(step)` where it leads without script. */
  constructor(list, edges) {
    this.#list = list
    this.#edges = edges
    list.addEventListener("click", (event) => this.#pressed(event))
  }

  clear() {
    this.#rows.clear()
    this.#toggled.clear()
    this.#list.replaceChildren()
    this.#picked = null
    this.#state = null
  }

  update(state) {
    this.#state = state
    const wanted = rowsOf(state, { toggled: this.#toggled, picked: this.#picked })
    this.#forget(new Set(wanted.map(({ key }) => key)))
    const isSmall = servers(state).length <= MOST_OPEN
    let before = null
    for (const row of wanted) {
      const kept = this.#rows.get(row.key) ?? this.#make(row)
      if (before ? before.nextElementSibling !== kept.element : this.#list.firstElementChild !== kept.element) {
        if (before) before.after(kept.element)
        else this.#list.prepend(kept.element)
      }
      before = kept.element
      this.#paint(kept, row, state, isSmall)
    }
  }

  /** How far steps are: `{key: {done, total}}`, shown until the next change. */
  progress(told) {
    for (const { element, into, step } of this.#rows.values()) {
      const far = step && told[step.key]
      if (far?.total && step.status === "running" && element.dataset.status === "running") setText(into.status, percent(far.done / far.total))
    }
  }

  /** Mark the row whose log is shown. */
  pick(key) {
    if (key === this.#picked) return
    this.#picked = key
    if (this.#state) this.update(this.#state)
    for (const [each, { element }] of this.#rows) element.classList.toggle("is-picked", each === key)
  }

  #forget(wanted) {
    for (const [key, { element }] of this.#rows)
      if (!wanted.has(key)) {
        element.remove()
        this.#rows.delete(key)
      }
  }

  #make({ key, type }) {
    const element = clone({ fleet: "step-fleet", batch: "step-batch" }[type] ?? "step")
    element.dataset.key = key
    if (type === "server") element.classList.add("step--server")
    if (type === "part") element.classList.add("step--part")
    const made = { element, into: slots(element), step: null }
    this.#rows.set(key, made)
    return made
  }

  #paint(kept, row, state, isSmall) {
    if (row.type === "fleet") return void paintServers(kept, state)
    if (row.type === "batch") return void paintBatch(kept, row)
    const step = row.type === "server" ? telling(row.server) : row.step
    const status = row.type === "server" ? row.server.status : step.status
    kept.step = step
    paintStatus(kept, status)
    const { into, element } = kept
    setText(into.name, row.type === "server" ? row.server.name : word(`step.${step.kind}`))
    into.name.href = this.#edges.logPage(step)
    setText(into.status, row.type === "server" ? serverWord(row.server, step) : word(`status.${status}`))
    this.#paintTime(kept, row, step)
    this.#paintReason(kept, row, step)
    const isLoud = status === "running" || TROUBLE.has(status)
    const isTold = isLoud || (row.type === "server" ? isSmall : ["build", "package"].includes(row.key))
    element.classList.toggle("is-quiet", row.type === "part" || !isTold)
    element.classList.toggle("is-picked", row.type !== "server" && step.key === this.#picked)
  }

  #paintTime({ into }, row, step) {
    if (row.type !== "server") return showTook(into.time, step.started_at, step.finished_at)
    const started = row.server.steps
      .map((each) => each.started_at)
      .filter(Boolean)
      .sort()[0]
    const ended = row.server.steps
      .map((each) => each.finished_at)
      .filter(Boolean)
      .sort()
      .at(-1)
    return showTook(into.time, started, row.server.status === "running" ? null : ended)
  }

  #paintReason({ element, into }, row, step) {
    const isTold = row.type !== "server" && step.reason && step.status !== "succeeded"
    if (!isTold && !into.why) return
    into.why ??= element.appendChild(el("p", "step__why"))
    setHidden(into.why, !isTold)
    if (isTold) setText(into.why, phrase(step.reason, step.params))
  }

  #pressed(event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    const element = event.target.closest(".step")
    const kept = element && this.#rows.get(element.dataset.key)
    if (element?.classList.contains("step--batch")) return this.#toggle(element.dataset.key)
    if (!kept?.step) return
    event.preventDefault()
    this.#edges.pick(kept.step)
  }

  #toggle(key) {
    if (!this.#toggled.delete(key)) this.#toggled.add(key)
    this.update(this.#state)
  }
}

function paintBatch(kept, { batch, isOpen }) {
  const { into, element } = kept
  const { done, status } = batchState(batch)
  paintStatus(kept, status)
  const { members, number, isReal } = batch
  const names = members.length > 1 ? `${members[0].name} – ${members.at(-1).name}` : members[0].name
  setText(into.name, isReal ? word("batch", { number }) : names)
  setText(into.names, isReal ? names : "")
  setText(into.count, plural("servers_done", members.length, { done }))
  into.toggle.setAttribute("aria-expanded", String(isOpen))
  element.classList.add("is-quiet")
}

function serverWord(server, step) {
  if (server.status === "running" || TROUBLE.has(server.status)) return word(`step.${step.kind}`)
  return word(`status.${server.status}`)
}

function paintServers({ element, into }, state) {
  const counts = paintFleet(into.fleet, state)
  const all = servers(state)
  const tone = ["bad", "run", "ok"].find((each) => counts[{ bad: "failed", run: "running", ok: "done" }[each]] > 0)
  const isDone = counts.done === counts.count
  const status = tone === "bad" ? "failed" : isDone ? "succeeded" : tone ? "running" : "pending"
  paintStatus({ element, into }, all.length && state.finished_at && status === "running" ? "cancelled" : status)
  setText(into.count, plural("servers_done", counts.count, { done: counts.done }))
}

function paintStatus({ element, into }, status) {
  const { tone, icon, spin } = look(status)
  element.dataset.status = status
  setTone(element, tone)
  setIcon(into.icon, icon, spin)
  if (into.status) setTone(into.status, tone)
}
