// A run as a stretch of time: the state of any moment, from the journal alone, and where moments stand on a slider. Pure.

import { replay } from "./deployment_state.js"
import { servers } from "./graph_fold.js"
import { batchesOf } from "./rows.js"

/** Where nothing runs for longer than this, the slider passes over it in a moment. */
const LONG_MS = 30_000
const SHORT_MS = 5_000
const TROUBLE = new Set(["failed", "timed_out", "lost"])
const MOST_BATCHES = 6
const MOST_TROUBLE = 3

/** Those of `events` (from the first, in order) that had happened by a moment; where a clock went back, not earlier. */
export function until(events, ms) {
  let clock = -Infinity
  const end = events.findIndex(({ at }) => (clock = Math.max(clock, Date.parse(at))) > ms)
  return end < 0 ? events : events.slice(0, end)
}

/** The state as it stood at a moment. */
export function stateAt(id, events, ms) {
  return replay(id, until(events, ms))
}

/** The end of the second that holds a moment: what happened in it has happened. */
export function endOfSecond(ms) {
  return Math.floor(ms / 1000) * 1000 + 999
}

/** The slider's scale for a run that is told by `events` and went on until `end` (ms): as time goes, but for long waits. */
export class Scale {
  #spans = []

  constructor(events, end) {
    let running = new Set()
    let at = 0
    let from = events.length ? Date.parse(events[0].at) : end
    const reach = (to) => {
      if (to <= from) return
      const width = running.size || to - from <= LONG_MS ? to - from : SHORT_MS
      this.#spans.push({ from, to, at, width })
      at += width
      from = to
    }
    for (const { k, d, at: when } of events) {
      reach(Date.parse(when))
      if (k === "step.moved") running[d.to === "running" ? "add" : "delete"](d.key)
    }
    reach(end)
    this.length = at
    this.begin = this.#spans[0]?.from ?? end
    this.end = from
  }

  /** The moment (ms) at a place of the slider. */
  momentOf(place) {
    const span = this.#spans.find(({ at, width }) => place < at + width)
    return span ? span.from + ((place - span.at) / span.width) * (span.to - span.from) : this.end
  }

  /** The place of a moment. */
  placeOf(ms) {
    const span = this.#spans.find(({ to }) => ms < to)
    if (!span) return this.length
    return span.at + (Math.max(0, ms - span.from) / (span.to - span.from)) * span.width
  }
}

/** What stands on the strip: `{from, to, tone, lane}`; `lane` is whole, top (what went wrong) or bottom. */
export function segments(state, now) {
  const spans = (steps) => steps.filter((step) => step.started_at)
  const from = (steps) => Math.min(...steps.map((step) => Date.parse(step.started_at)))
  const to = (steps) => Math.max(...steps.map((step) => (step.finished_at ? Date.parse(step.finished_at) : now)))
  const toneOf = (steps) =>
    steps.some((step) => TROUBLE.has(step.status))
      ? "bad"
      : steps.some((step) => step.status === "running")
        ? "run"
        : "ok"
  const stretch = (steps, lane) => ({ from: from(steps), to: to(steps), tone: toneOf(steps), lane })
  const heads = spans(state.steps.filter((step) => !step.server)).map((step) => stretch([step], "whole"))
  const all = servers(state)
  const groups = batchesOf(state, all).filter(({ isReal }) => isReal)
  const found = [...heads]
  for (const members of groups.length ? groups.map((group) => group.members) : [all]) {
    // All are uploaded to before the first is switched: with turns, a batch begins with its switch.
    const own = members.map(({ steps }) => spans(groups.length ? steps.filter((step) => step.kind !== "stage") : steps))
    const bad = own.filter((steps) => steps.some((step) => TROUBLE.has(step.status))).flat()
    const good = own.filter((steps) => !steps.some((step) => TROUBLE.has(step.status))).flat()
    if (bad.length) found.push(stretch(bad, good.length ? "top" : "whole"))
    if (good.length) found.push(stretch(good, bad.length ? "bottom" : "whole"))
  }
  if (groups.length) {
    const stages = spans(all.flatMap(({ steps }) => steps.filter((step) => step.kind === "stage")))
    if (stages.length) found.push(stretch(stages, "whole"))
  }
  return found
}

/** The moments that people look for: `{at, kind, step, server, status, batch}`, as chatops/deployments/moments.py. */
export function marks(state) {
  const mark = (at, kind, more) => ({ at, kind, step: "", server: "", status: "", batch: 0, ...more })
  const found = state.steps
    .filter((step) => ["fetch", "build"].includes(step.key) && step.started_at)
    .map((step) => mark(step.started_at, "step", { step: step.key }))
  const real = batchesOf(state).filter(({ isReal }) => isReal)
  for (const { number, members } of real.slice(0, MOST_BATCHES)) {
    const switched = members.flatMap(({ steps }) => steps.filter((step) => step.kind === "switch" && step.started_at))
    const begun = switched.map((step) => step.started_at).sort()[0]
    if (begun) found.push(mark(begun, "batch", { batch: number }))
  }
  const bad = state.steps.filter((step) => TROUBLE.has(step.status) && step.finished_at)
  for (const step of bad.toSorted(byTime("finished_at")).slice(0, MOST_TROUBLE)) {
    const { kind, server, status } = step
    found.push(mark(step.finished_at, "trouble", { step: kind, server, status }))
  }
  if (state.finished_at) found.push(mark(state.finished_at, "end", { status: state.status }))
  return found.toSorted(byTime("at"))
}

function byTime(name) {
  return (one, other) => (one[name] < other[name] ? -1 : one[name] > other[name] ? 1 : 0)
}
