// What runs now: in the rail, and in the strip that stands in for the panel where it has no room.

import { clone, cloneAll, setHidden, setIcon, setText, setTone, slot, slots } from "./dom.js"
import { paintFleet } from "./fleet.js"
import { look } from "./status.js"
import { showTook } from "./ticker.js"
import { word } from "./words.js"

const LOUD = new Set([
  "awaiting_confirmation",
  "awaiting_approval",
  "queued",
  "scheduled",
  "cancelling",
  "rolling_back",
])

export class Running {
  #section
  #list
  #strip
  #deployments
  #urls
  #rows = new Map()

  constructor(section, strip, deployments, urls) {
    this.#section = section
    this.#list = slot(section, "running")
    this.#strip = strip
    this.#deployments = deployments
    this.#urls = urls
    strip.append(cloneAll("now"))
    deployments.watchAll(() => this.#paint())
    this.#paint()
  }

  #paint() {
    const live = this.#deployments.live.filter(({ state }) => state.app)
    setHidden(this.#section, !live.length)
    const ids = new Set(live.map(({ state }) => state.id))
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue
      row.remove()
      this.#rows.delete(id)
    }
    for (const { state } of live) {
      if (!this.#rows.has(state.id)) this.#rows.set(state.id, clone("running"))
      const row = this.#rows.get(state.id)
      if (!row.isConnected) this.#list.prepend(row)
      this.#fill(row.firstElementChild, state, `${state.app} → ${state.environment}`)
      setText(slot(row, "word"), LOUD.has(state.status) ? word(`status.${state.status}`) : "")
    }
    setHidden(this.#strip, !live.length)
    if (live.length)
      this.#fill(this.#strip, live[0].state, `#${live[0].state.id} ${live[0].state.app} → ${live[0].state.environment}`)
  }

  #fill(link, state, name) {
    const { tone, icon, spin } = look(state.status)
    const into = slots(link)
    setTone(link, tone)
    link.href = this.#urls.deploymentPage(state.id)
    link.dataset.deployment = state.id
    link.dataset.action = "open-deployment"
    setIcon(into.icon, icon, spin)
    setText(into.name, name)
    showTook(into.time, state.started_at ?? state.requested_at, state.finished_at)
    paintFleet(into.fleet, state)
  }
}
