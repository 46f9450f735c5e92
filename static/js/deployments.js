// The deployments a page knows, each kept up to date from its own stream as long as it runs.

import { contain } from "./contain.js"
import { applyAll, blank, GONE, hasEnded, UNHEARD } from "./deployment_state.js"
import { withSteps } from "./graph_fold.js"
import { coalesced } from "./frame.js"
import { clock } from "./ticker.js"

/** A deployment that was asked for so lately runs, for all that a page knows before it has heard. */
const NEWS_MS = 30_000

export class Deployments {
  #feed
  #gone
  #known = new Map()
  #changed = new Set()
  #watchers = new Map()
  #always = new Set()
  #flush = coalesced(() => this.#tell())

  /** `gone(id)` hears that a deployment is not there, or not the reader's to see; whoever watches it gets a state that says so. */
  constructor(feed, gone = () => {}) {
    this.#feed = feed
    this.#gone = gone
  }

  /** `{state, graph, isComplete}`, or undefined. */
  get(id) {
    return this.#known.get(id)
  }

  /** Those that have not ended, newest first. What an old card says of one is no news: its stream is asked first. */
  get live() {
    return [...this.#known.values()]
      .filter(({ state }) => !hasEnded(state) && state.status !== UNHEARD)
      .sort((a, b) => b.state.id - a.state.id)
  }

  /** The number of the newest one, or null. */
  get newest() {
    return this.#known.size ? Math.max(...this.#known.keys()) : null
  }

  /** A picture from the server: a state with `q` and `graph`, in the life `e` of its stream. */
  adopt({ q, graph, ...state }, e) {
    const known = this.#known.get(state.id)
    if (known?.isComplete && known.e === e && known.q >= q) return
    this.#put(state.id, { state, graph, e, q, isComplete: true })
    if (!hasEnded(state) && !this.#feed.isFollowing(name(state.id))) this.#follow(state.id, { e, q })
  }

  /** What a card or an announcement says of a deployment, until its own stream answers. */
  mention(id, { app = "", environment = "", ref = "", by = "" }, at) {
    if (this.#known.has(id)) return
    const isNews = clock.now() - Date.parse(at) < NEWS_MS
    const state = { ...blank(id), app, environment, ref, by, requested_at: at }
    if (!isNews) state.status = UNHEARD
    this.#put(id, { state, graph: [], q: 0, isComplete: false })
    this.#follow(id)
  }

  /** Have it, whatever it takes: for a link to a deployment that no card shows. */
  want(id) {
    this.mention(id, {}, null)
  }

  /** Hear of changes of one deployment, now and later; returns how to stop. */
  watch(id, act) {
    if (!this.#watchers.has(id)) this.#watchers.set(id, new Set())
    this.#watchers.get(id).add(act)
    if (this.#known.has(id)) act(this.#known.get(id))
    return () => {
      this.#watchers.get(id)?.delete(act)
      this.#forget(id)
    }
  }

  /** Hear of every change of any. */
  watchAll(act) {
    this.#always.add(act)
  }

  #follow(id, at) {
    this.#feed.follow(
      name(id),
      {
        apply: (events) => this.#apply(id, events),
        restart: ({ state: { graph, ...state }, e, q }) => this.#put(id, { state, graph, e, q, isComplete: true }),
        gone: () => this.#lose(id),
      },
      at,
    )
  }

  // What a card said of it may stay; what only its readers know may not. It is forgotten once it was told.
  #lose(id) {
    const { app, environment, ref, by } = this.#known.get(id).state
    this.#put(id, { state: { ...blank(id), app, environment, ref, by, status: GONE }, graph: [], q: 0, isComplete: false })
    this.#gone(id)
  }

  #apply(id, events) {
    const known = this.#known.get(id)
    const state = applyAll(known.state, events)
    const hasGrown = state.steps.length > known.state.steps.length
    const graph = hasGrown ? withSteps(known.graph, state.steps) : known.graph
    this.#put(id, { ...known, state, graph, q: events.at(-1).q })
  }

  #put(id, entry) {
    this.#known.set(id, entry)
    this.#changed.add(id)
    this.#flush()
  }

  #tell() {
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const id of changed) {
      const entry = this.#known.get(id)
      for (const act of [...(this.#watchers.get(id) ?? []), ...this.#always]) contain(() => act(entry))
      if (hasEnded(entry.state) && entry.isComplete) this.#feed.leave(name(id))
      this.#forget(id)
    }
  }

  // What is over and shown nowhere is asked for anew when somebody wants it; the newest is what a key opens.
  #forget(id) {
    const { state, isComplete } = this.#known.get(id) ?? {}
    if (!this.#watchers.get(id)?.size) this.#watchers.delete(id)
    if (!state || this.#changed.has(id)) return
    const isOver = hasEnded(state) && isComplete && !this.#watchers.has(id) && id !== this.newest
    if (isOver || state.status === GONE) this.#known.delete(id)
  }
}

function name(id) {
  return `deployment:${id}`
}
