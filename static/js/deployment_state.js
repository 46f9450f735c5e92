// A deployment as its journal tells it: the same answer as deploy_core/rules/events.py `replay`.

const ENDED = new Set(["succeeded", "failed", "cancelled", "rejected", "expired", "rolled_back"])
const STEP_ENDED = new Set(["succeeded", "failed", "skipped", "cancelled", "timed_out"])
const ACTIVE = new Set(["running", "paused", "verifying", "cancelling", "rolling_back"])

/** A deployment before its first entry. */
export function blank(id) {
  return {
    id,
    app: "",
    environment: "",
    kind: "",
    ref: "",
    revision: "",
    subject: "",
    commits: null,
    previous_revision: "",
    by: "",
    surface: "",
    because: "",
    status: "planning",
    reason: "",
    params: {},
    requested_at: null,
    started_at: null,
    finished_at: null,
    cancel_requested_by: "",
    answers: [],
    batches: [],
    steps: [],
  }
}

/** The state after one more entry; `state` itself is left as it was. A kind from a newer server changes nothing. */
export function apply(state, { k, d, at }) {
  switch (k) {
    case "deployment.requested": {
      const { app, environment, kind, ref, by, surface, because = "" } = d
      return added({ ...state, app, environment, kind, ref, by, surface, because, requested_at: at }, d.steps)
    }
    case "deployment.planned": {
      const { revision, ref, subject, commits, previous_revision } = d
      return { ...state, revision, ref, subject, commits, previous_revision, answers: [] }
    }
    case "deployment.answered": {
      const { by, is_yes, comment } = d
      return { ...state, answers: [...state.answers, { by, is_yes, comment, at }] }
    }
    case "deployment.batched":
      return { ...state, batches: d.batches }
    case "deployment.moved":
      return moved(state, d, at)
    case "step.moved":
      return { ...state, steps: state.steps.map((step) => (step.key === d.key ? stepMoved(step, d, at) : step)) }
    case "steps.added":
      return added(state, d.steps)
    case "deployment.cancel_requested":
      return { ...state, cancel_requested_by: d.by }
    default:
      return state
  }
}

/** The state after `events`, which begin with the first and are in order. */
export function replay(id, events) {
  return events.reduce(apply, blank(id))
}

export function hasEnded(state) {
  return ENDED.has(state.status)
}

export function stepHasEnded(step) {
  return STEP_ENDED.has(step.status)
}

/** Whether it holds its environment: between the first touch of a server and the end. */
export function isActive(state) {
  return ACTIVE.has(state.status)
}

/** The step that went wrong: the one that the end is about, else the first. */
export function faultOf(state) {
  const wrong = state.steps.filter((step) => ["failed", "timed_out", "lost"].includes(step.status))
  const isNamed = (step) => step.reason === state.reason && step.server === (state.params?.server ?? "")
  return wrong.find(isNamed) ?? wrong[0]
}

function moved(state, { to, reason, params }, at) {
  const next = { ...state, status: to, reason, params }
  if (to === "running" && !state.started_at) next.started_at = at
  else if (ENDED.has(to)) next.finished_at = at
  return next
}

function stepMoved(step, { to, reason, params, attempt, exit_status, step_id, lines }, at) {
  const next = { ...step, status: to, reason, params, attempt, exit_status, step_id, lines }
  if (to === "running") Object.assign(next, { started_at: at, finished_at: null })
  else if (STEP_ENDED.has(to)) next.finished_at = at
  return next
}

function added(state, steps) {
  const known = new Set(state.steps.map((step) => step.key))
  const fresh = steps.filter((step) => !known.has(step.key)).map(pending)
  return { ...state, steps: [...state.steps, ...fresh] }
}

function pending({ key, kind, parent, server }) {
  return {
    key,
    kind,
    parent,
    server,
    status: "pending",
    reason: "",
    params: {},
    attempt: 0,
    exit_status: null,
    started_at: null,
    finished_at: null,
    step_id: null,
    lines: 0,
  }
}
