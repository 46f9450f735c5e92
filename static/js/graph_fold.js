// One status for several steps, as chatops/room/graph.py folds them; and the times of a node.

const LOUDEST = ["failed", "timed_out", "lost", "running", "cancelled"]

/** What a step counts as that was skipped because its deployment ended before: nothing there is done. */
const UNREACHED = "unreached"
/** And an upload that is done: the server waits until it is its turn to switch. */
const READY = "ready"

/** The loudest status; else `running` while some are done and some are not. */
export function fold(statuses) {
  const found = new Set(statuses)
  const loud = LOUDEST.find((status) => found.has(status))
  if (loud) return loud
  if (found.has("pending")) return found.has("succeeded") ? "running" : "pending"
  if (found.has(UNREACHED)) return "skipped"
  return found.has("succeeded") || found.has(READY) || found.size === 0 ? "succeeded" : "skipped"
}

/** One status for steps. What one step makes skipped by not being reached is not done by those before it. */
export function statusOf(steps) {
  return fold(steps.map(counted))
}

function counted({ kind, status, reason }) {
  if (status === "skipped" && reason === "not_reached") return UNREACHED
  return kind === "stage" && status === "succeeded" ? READY : status
}

/** A node's status, and since when and until when it ran; `steps` is a map of the state's steps by key. */
export function nodeState(node, steps) {
  const own = node.steps.map((key) => steps.get(key)).filter(Boolean)
  const started =
    own
      .map((step) => step.started_at)
      .filter(Boolean)
      .sort()[0] ?? null
  const ended =
    own
      .map((step) => step.finished_at)
      .filter(Boolean)
      .sort()
      .at(-1) ?? null
  const status = statusOf(own)
  const isBack = own.some((step) => step.kind === "back" && step.status === "succeeded")
  return { status, started_at: started, finished_at: status === "running" ? null : ended, isBack }
}

/**
 * The states of a graph's nodes, by key. Those whose steps are what they were in `before` (the answer for an older
 * state) are taken from there: of a thousand servers a few change at a time.
 */
export function nodeStates(nodes, state, before = new Map()) {
  const steps = byKey(state)
  const found = new Map()
  for (const node of nodes) {
    const own = node.steps.map((key) => steps.get(key))
    const known = before.get(node.key)
    const isSame = known && known.own.length === own.length && known.own.every((step, at) => step === own[at])
    found.set(node.key, isSame ? known : { ...nodeState(node, steps), own })
  }
  return found
}

/** Steps by key. */
export function byKey(state) {
  return new Map(state.steps.map((step) => [step.key, step]))
}

const PARTS = { stage: "server", switch: "server", back: "server", task: "server", restart: "health", health: "health" }

/** The nodes with steps that were added later put where they belong; the same array when there is nothing to add. */
export function withSteps(nodes, steps) {
  const known = new Set(nodes.flatMap((node) => node.steps))
  const missing = steps.filter((step) => !known.has(step.key))
  if (!missing.length) return nodes
  return nodes.map((node) => {
    const own = missing.filter((step) => PARTS[step.kind] && node.key === `${PARTS[step.kind]}:${step.server}`)
    return own.length ? { ...node, steps: [...node.steps, ...own.map((step) => step.key)] } : node
  })
}

const folded = new WeakMap()

/** Every server of a deployment in plan order, with its steps folded; computed once for each list of steps. */
export function servers({ steps }) {
  if (!folded.has(steps)) folded.set(steps, serversOf(steps))
  return folded.get(steps)
}

function serversOf(all) {
  const found = new Map()
  for (const step of all) {
    if (!step.server) continue
    if (!found.has(step.server)) found.set(step.server, [])
    found.get(step.server).push(step)
  }
  return [...found].map(([name, steps]) => ({ name, steps, status: statusOf(steps) }))
}
