// The table of a deployment's servers, kept live: the server drew its rows, the script changes what is in them.

import { el, icon, setHidden, setIcon, setText, setTone, slots } from "./dom.js"
import { hasEnded } from "./deployment_state.js"
import { servers } from "./graph_fold.js"
import { isBack, isDone, slowKeys, telling, went } from "./rows.js"
import { look } from "./status.js"
import { short } from "./telling.js"
import { showTook } from "./ticker.js"
import { took } from "./time.js"
import { plural, word } from "./words.js"

export class ServersView {
  #rows
  #kinds
  #done
  #logPage
  #seen = new Map()
  #plan = ""
  #hasMoved = false

  /** `table` and `done` are the server's; `logPage(key)` is where a step's log is. */
  constructor(table, done, logPage) {
    this.#rows = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.server, { row, into: slots(row) }]))
    this.#kinds = table.dataset.kinds.split(" ").filter(Boolean)
    this.#done = done
    this.#logPage = logPage
  }

  /** `isPast`: the state is not the live one, so that what servers run now is left as it is. */
  update(state, isPast = false) {
    const all = servers(state)
    const slow = hasEnded(state) ? slowKeys(all) : new Set()
    this.#hasMoved ||= !isPast && !hasEnded(state)
    const plan = [state.previous_revision, state.revision, hasEnded(state), isPast].join()
    if (plan !== this.#plan) this.#seen.clear()
    this.#plan = plan
    for (const server of all) {
      const kept = this.#rows.get(server.name)
      if (!kept || isSame(this.#seen.get(server.name), server.steps)) continue
      this.#seen.set(server.name, server.steps)
      this.#paint(kept, server, state, slow)
      if (this.#hasMoved && !isPast) this.#paintRuns(kept, server, state)
    }
    setText(this.#done, plural("servers_done", all.length, { done: all.filter(isDone).length }))
  }

  #paint({ row, into }, server, state, slow) {
    const wasPutBack = isBack(server)
    const { tone, icon: name, spin } = wasPutBack ? { tone: "mute", icon: "rollback", spin: "" } : look(server.status)
    row.classList.toggle("is-bad", ["failed", "timed_out"].includes(server.status))
    setTone(into.state, tone)
    setIcon(into.state.firstElementChild, name, spin)
    setText(into.state.lastElementChild, word(wasPutBack ? "node.back" : `status.${server.status}`))
    for (const kind of this.#kinds) {
      const step = server.steps.find((each) => each.kind === kind)
      if (step && into[kind]) this.#paintTime(into[kind], step, slow.has(step.key))
    }
    const path = went(server, state.previous_revision, state.revision).map(short)
    paintPath(into.path, path)
    const step = telling(server)
    setHidden(into.log, !step.step_id)
    if (step.step_id) into.log.href = this.#logPage(step.key)
  }

  #paintTime(cell, step, isSlow) {
    const { key, status, started_at: from, finished_at: to } = step
    const shown = [status, from, to, isSlow].join()
    if (cell.dataset.shown === shown) return
    cell.dataset.shown = shown
    cell.classList.toggle("is-slow", isSlow)
    if (!from) return void cell.replaceChildren(el("span", "visually-hidden", word(`status.${status}`)), dash())
    const link = el("a")
    link.href = this.#logPage(key)
    const time = link.appendChild(el("time"))
    showTook(time, from, to)
    if (to) time.textContent = took(Date.parse(to) - Date.parse(from))
    cell.replaceChildren(link)
  }

  #paintRuns({ into }, server, state) {
    const path = went(server, state.previous_revision, state.revision)
    setText(into.runs, short(path.at(-1)) || "–")
  }
}

function isSame(before, steps) {
  return before?.length === steps.length && before.every((step, at) => step === steps[at])
}

function paintPath(cell, path) {
  const key = path.join()
  if (cell.dataset.shown === key) return
  cell.dataset.shown = key
  const nodes = path.flatMap((revision, at) => [...(at ? [icon("arrow")] : []), el("span", "rev", revision)])
  cell.replaceChildren(...(nodes.length ? nodes : ["–"]))
}

function dash() {
  const made = el("span", "", "–")
  made.setAttribute("aria-hidden", "true")
  return made
}
