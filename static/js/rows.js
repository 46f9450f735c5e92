// A deployment's state as the rows of its page: its steps, batch by batch, and its servers. Pure.
// Mirrors chatops/deployments/rows.py.

import { servers, statusOf } from "./graph_fold.js"

/** Up to so many servers stand in the list with all their steps, and up to so many one below the other at all. */
export const MOST_OPEN = 6
export const MOST_SERVERS = 40
export const MOST_BATCHES = 12
const TROUBLE = new Set(["failed", "timed_out", "lost"])
const LOUD = new Set([...TROUBLE, "running"])
/** Of very many servers so many of a batch that is closed are named: those in trouble. */
const MOST_TROUBLE = 4
const SLOW_TIMES = 3
const SLOW_MS = 5000

/** Those that switch together, in turn; where there is only one batch, equal parts of very many servers. */
export function batchesOf(state, all = servers(state)) {
  const turns = state.batches ?? []
  if (turns.length > 1) {
    const byName = new Map(all.map((each) => [each.name, each]))
    return turns
      .map((names, at) => batch(at + 1, names.map((name) => byName.get(name)).filter(Boolean), true))
      .filter(({ members }) => members.length)
  }
  if (all.length <= MOST_SERVERS) return []
  const size = Math.ceil(all.length / MOST_BATCHES)
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    batch(at + 1, all.slice(at * size, (at + 1) * size), false),
  )
}

function batch(number, members, isReal) {
  return { number, key: `batch:${number}`, members, isReal }
}

/** How many of a batch are done, and one status for all. */
export function batchState({ members }) {
  const done = members.filter(isDone).length
  return { done, status: statusOf(members.flatMap(({ steps }) => steps)) }
}

/** Whether the deployment did there what it was asked for. */
export function isDone(server) {
  return server.status === "succeeded" && !isBack(server)
}

/** Whether the server was switched back to what it ran before. */
export function isBack(server) {
  return server.steps.some((step) => step.kind === "back" && step.status === "succeeded")
}

/**
 * The list of steps in order: `{key, type, step | server | batch}`. `toggled` are the keys of the batches that a person
 * opened or closed, `picked` is the key of the step whose log is shown.
 */
export function rowsOf(state, { toggled = new Set(), picked = null } = {}) {
  const rows = state.steps.filter((step) => !step.server).map((step) => ({ key: step.key, type: "step", step }))
  const all = servers(state)
  if (!all.length) return rows
  rows.push({ key: "fleet", type: "fleet" })
  const isSmall = all.length <= MOST_OPEN
  const isWhole = all.length <= MOST_SERVERS
  const groups = batchesOf(state, all)
  for (const group of groups.length ? groups : [batch(0, all, false)]) {
    const isAsked = toggled.has(group.key)
    if (group.number) rows.push({ key: group.key, type: "batch", batch: group, isOpen: isWhole !== isAsked })
    let left = isWhole ? Infinity : MOST_TROUBLE
    for (const server of group.members) {
      const key = `server:${server.name}`
      const isPicked = picked !== null && server.steps.some((step) => step.key === picked)
      const isLoud = (isWhole ? LOUD : TROUBLE).has(server.status) && (left -= 1) >= 0
      if (isWhole === isAsked && !isLoud && !isPicked) continue
      rows.push({ key, type: "server", server })
      if (!isSmall && !isLoud && !isPicked) continue
      for (const step of server.steps) rows.push({ key: step.key, type: "part", step, server })
    }
  }
  return rows
}

/** The step of a server that says most: what failed, what runs, else what was done last. */
export function telling({ steps }) {
  return (
    steps.find((step) => TROUBLE.has(step.status)) ??
    steps.findLast((step) => step.status === "running") ??
    steps.findLast((step) => step.step_id) ??
    steps[0]
  )
}

/** The keys of the steps that took far longer than the same step elsewhere. */
export function slowKeys(all) {
  const times = new Map()
  for (const { steps } of all)
    for (const { kind, key, started_at: started, finished_at: finished } of steps)
      if (started && finished) {
        if (!times.has(kind)) times.set(kind, [])
        times.get(kind).push([key, Date.parse(finished) - Date.parse(started)])
      }
  const slow = new Set()
  for (const found of times.values()) {
    const limit = Math.max(SLOW_MS, SLOW_TIMES * median(found.map(([, took]) => took)))
    for (const [key, took] of found) if (took > limit) slow.add(key)
  }
  return slow
}

function median(values) {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The revisions that the deployment led a server through: one when it was not switched. */
export function went(server, before, after) {
  const hasSwitched = server.steps.some((step) => step.kind === "switch" && step.status === "succeeded")
  const path = !hasSwitched || !after ? [before] : isBack(server) ? [before, after, before] : [before, after]
  return path.filter(Boolean)
}
