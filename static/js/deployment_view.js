// A deployment's graph, its list of steps and the log of one step, held together: what is picked in one is shown in all.
// The panel and the page of a deployment are built around it.

import { faultOf } from "./deployment_state.js"
import { setHidden, slot } from "./dom.js"
import { LogView } from "./log_view.js"
import { telling } from "./rows.js"
import { Steps } from "./steps.js"

/** A log that nobody chose stays for so long, before that of another step that runs takes its place. */
const STAY_MS = 3000

export class DeploymentView {
  #root
  #template
  #edges
  #steps
  #log
  #graph = null
  #entry = null
  #isChosen = false
  #shownAt = 0
  #later = 0
  #wanted = null

  /**
   * `template` of the graph is `panel` or `page`. `edges`: `feed`, `urls`, `say(text)`, and `picked(step, line)` when a
   * person chooses a step or a line.
   */
  constructor(root, template, edges) {
    this.#root = root
    this.#template = template
    this.#edges = edges
    this.#log = new LogView(root.querySelector(".log"), {
      feed: edges.feed,
      urls: edges.urls,
      linked: (step, line) => edges.picked(step, line),
      scope: (step) => this.#pick(step),
    })
    this.#steps = new Steps(slot(root, "steps"), {
      pick: (step) => this.#pick(step),
      logPage: (step) => edges.urls.logPage(this.#entry.state.id, step.key),
    })
    this.#loadGraph()
  }

  get log() {
    return this.#log
  }

  /** Begin with another deployment. */
  clear() {
    this.#entry = null
    this.#isChosen = false
    this.#wanted = null
    clearTimeout(this.#later)
    this.#log.close()
    this.#steps.clear()
  }

  /** Open the log of a step, at a line if one is named, now or as soon as the step is known. */
  want(step, line) {
    this.#wanted = { step, line }
    if (this.#entry) this.#openWanted()
  }

  /** Show `{state, graph}`; `moment` (ms) when it is a past one, so that the log ends there too. */
  update(entry, moment = null) {
    const isFirst = this.#entry === null
    this.#entry = entry
    this.#log.until(moment)
    this.#steps.update(entry.state)
    this.#graph?.show(entry)
    this.#showLog(isFirst, moment)
  }

  /** How far steps of this deployment are: told by no event, and soon out of date. */
  progress({ s, steps }) {
    if (this.#entry && s === `deployment:${this.#entry.state.id}`) this.#steps.progress(steps)
  }

  // Which log is shown: the one a person chose; else what failed; else what runs, until it ends.
  #showLog(isFirst, moment) {
    if (this.#wanted) return void this.#openWanted()
    const { state } = this.#entry
    const shown = this.#log.step && state.steps.find((step) => step.key === this.#log.step.key)
    const failed = faultOf(state)
    const staysMs = moment === null && !failed ? this.#shownAt + STAY_MS - performance.now() : 0
    const isStaying = staysMs > 0
    clearTimeout(this.#later)
    if (shown && (this.#isChosen || shown.key === failed?.key || isStaying)) {
      // The next event may be long in coming: a step that waits tells of nothing.
      if (isStaying && !this.#isChosen) this.#later = setTimeout(() => this.#showLog(false, moment), staysMs)
      return void this.#open(shown)
    }
    const latest = isFirst || !shown ? state.steps.findLast((step) => step.lines > 0) : shown
    const next = failed ?? this.#running(shown) ?? latest
    if (!next) return
    if (next.key !== shown?.key) this.#shownAt = performance.now()
    this.#open(next)
  }

  #running(shown) {
    if (shown?.status === "running") return shown
    const running = this.#entry.state.steps.filter((step) => step.status === "running")
    return running.find((step) => step.lines > 0) ?? running[0]
  }

  #openWanted() {
    const { step: key, line } = this.#wanted
    const step = this.#entry.state.steps.find((each) => each.key === key)
    if (!step) return
    this.#wanted = null
    this.#isChosen = true
    this.#open(step, { line, isChosen: true })
  }

  #open(step, { line = null, isChosen = false } = {}) {
    this.#log.open(this.#entry.state, step, { line, isChosen })
    this.#steps.pick(step.key)
    this.#graph?.pick(step.key)
  }

  #pick(step) {
    this.#isChosen = true
    this.#open(step, { isChosen: true })
    this.#edges.picked(step, null)
  }

  #pickNode(node) {
    const steps = this.#entry.state.steps.filter((step) => node.steps.includes(step.key))
    if (steps.length) this.#pick(telling({ steps }))
  }

  // The library is fetched for the first picture, never for the page itself.
  async #loadGraph() {
    const figure = slot(this.#root, "graph")
    try {
      const { Graph, loadLibrary } = await import("./graph.js")
      const go = await loadLibrary()
      setHidden(slot(this.#root, "no-graph"), true)
      setHidden(figure, false)
      const edges = { pick: (node) => this.#pickNode(node), say: this.#edges.say }
      this.#graph = new Graph(go, figure.firstElementChild, this.#template, edges)
      if (this.#entry) this.#graph.show(this.#entry)
      if (this.#log.step) this.#graph.pick(this.#log.step.key)
    } catch (error) {
      setHidden(figure, true)
      setHidden(slot(this.#root, "no-graph"), false)
      console.info(`no status graph: ${error.message}`)
    }
  }
}
