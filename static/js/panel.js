// One deployment beside the talk: its facts, its graph, the list of steps that is always there, and a log.

import { hasEnded } from "./deployment_state.js"
import { DeploymentView } from "./deployment_view.js"
import { el, setHidden, setText, setTone, slots } from "./dom.js"
import { paintChip } from "./chip.js"
import { servers } from "./graph_fold.js"
import { about, outcome } from "./telling.js"
import { showTook } from "./ticker.js"

export class Panel {
  #root
  #slots
  #edges
  #deployments
  #view = null
  #id = null
  #entry = null
  #stop = () => {}
  #isPinned = false

  /** `edges`: `feed`, `urls`, `say(text)`, `route(place)` when a step or line is chosen by hand, `opened(id|null)`. */
  constructor(root, deployments, edges) {
    this.#root = root
    this.#deployments = deployments
    this.#edges = edges
    this.#slots = slots(root)
    this.#listenToTabs()
  }

  get id() {
    return this.#id
  }

  get isOpen() {
    return this.#id !== null
  }

  /** Whether nobody is reading here: closed, or at a deployment that is over and that no one chose. */
  get isFree() {
    return !this.isOpen || (!this.#isPinned && Boolean(this.#entry) && hasEnded(this.#entry.state))
  }

  /** The open log, or null. */
  get log() {
    return this.isOpen ? this.#view.log : null
  }

  /** Show a deployment; `isPinned` when a person chose it, `step` and `line` say where its log opens. */
  open(id, { step = null, line = null, isPinned = true } = {}) {
    if (this.#id !== id) this.#show(id)
    this.#isPinned = isPinned
    if (step) this.#view.want(step, line)
  }

  close() {
    this.#stop()
    this.#id = null
    this.#entry = null
    this.#view?.clear()
    setHidden(this.#root, true)
    this.#edges.opened(null)
  }

  /** Lead the keyboard here. */
  focus() {
    if (this.isOpen) this.#root.querySelector("[role=tabpanel]").focus()
  }

  /** A frame that says how far steps are. */
  progress(frame) {
    if (this.isOpen) this.#view.progress(frame)
  }

  #show(id) {
    this.close()
    this.#id = id
    setHidden(this.#root, false)
    this.#view ??= new DeploymentView(this.#root, "panel", {
      feed: this.#edges.feed,
      urls: this.#edges.urls,
      say: this.#edges.say,
      picked: (step, line) => this.#picked(step, line),
    })
    this.#edges.opened(id)
    this.#deployments.want(id)
    this.#stop = this.#deployments.watch(id, (entry) => this.#update(entry))
  }

  #picked(step, line) {
    this.#isPinned = true
    this.#edges.route({ deployment: this.#id, step: step.key, line })
  }

  #update(entry) {
    this.#entry = entry
    const { state } = entry
    const into = this.#slots
    setText(into.id, `#${state.id}`)
    setText(into.app, state.app)
    setText(into.environment, state.environment)
    into.page.href = this.#edges.urls.deploymentPage(state.id)
    this.#root.dataset.status = state.status
    paintChip(into.status, state.status)
    setHidden(into.status, state.status === "planning" && !state.requested_at) // nobody knows yet
    this.#facts(state)
    const { text, tone } = outcome(state)
    setHidden(into.fault, !text)
    setTone(into.fault, tone)
    setText(into.sentence, text)
    const done = state.steps.filter((step) => ["succeeded", "skipped"].includes(step.status)).length
    setText(into.progress, servers(state).length ? `${done}/${state.steps.length}` : "")
    this.#view.update(entry)
  }

  #facts(state) {
    const { facts } = this.#slots
    const { code, plain } = about(state)
    const key = [code, ...plain].join("|")
    if (facts.dataset.key !== key || !facts.childElementCount) {
      facts.dataset.key = key
      const spans = plain.map((each) => el("span", "", each))
      facts.replaceChildren(...(code ? [el("span", "rev", code)] : []), ...spans, el("span", "", el("time")))
    }
    const time = facts.querySelector("time")
    const from = state.started_at ?? state.requested_at
    setHidden(time.parentElement, !from)
    showTook(time, from, state.finished_at)
  }

  #listenToTabs() {
    const tabs = [...this.#root.querySelectorAll("[role=tab]")]
    const show = (tab) => {
      for (const each of tabs) {
        each.setAttribute("aria-selected", String(each === tab))
        each.tabIndex = each === tab ? 0 : -1
      }
      this.#root.querySelector("[role=tabpanel]").setAttribute("aria-labelledby", tab.id)
      this.#root.dataset.tab = tab.dataset.tab
    }
    for (const [index, tab] of tabs.entries()) {
      tab.addEventListener("click", () => show(tab))
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
        if (!step) return
        const next = tabs[(index + step + tabs.length) % tabs.length]
        show(next)
        next.focus()
      })
    }
    show(tabs[0])
  }
}
