// A deployment as its journal tells it: the same answer as deploy_core/rules/states.py `replay`.

/** The page's own word for a deployment that is not there, or not the reader's to see. */
export const GONE = "gone"
/** And for one that an old card names, before its stream has answered. */
export const UNHEARD = "unheard"

const ENDED = new Set(["succeeded", "failed", "cancelled", "rejected", "expired", "rolled_back", GONE])
const STEP_ENDED = new Set(["succeeded", "failed", "skipped", "cancelled", "timed_out"])

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
export function apply(state, event) {
  return applyAll(state, [event])
}

/** The state after more entries, in order. What many entries change is copied once. */
export function applyAll(state, events) {
  const told = events.filter(({ k }) => Object.hasOwn(CHANGES, k))
  if (!told.length) return state
  const next = { ...state, steps: [...state.steps] }
  const places = placesOf(state.steps)
  for (const { k, d, at } of told) CHANGES[k](next, d, at, places)
  known.set(next.steps, places)
  return next
}

/** The state after `events`, which begin with the first and are in order. */
export function replay(id, events) {
  return applyAll(blank(id), events)
}

const CHANGES = {
  "deployment.requested": (next, { app, environment, kind, ref, by, surface, because = "", steps }, at, places) => {
    Object.assign(next, { app, environment, kind, ref, by, surface, because, requested_at: at })
    add(next.steps, places, steps)
  },
  "deployment.planned": (next, { revision, ref, subject, commits, previous_revision }) => {
    Object.assign(next, { revision, ref, subject, commits, previous_revision, answers: [] })
  },
  "deployment.answered": (next, { by, is_yes, comment }, at) => {
    next.answers = [...next.answers, { by, is_yes, comment, at }]
  },
  "deployment.batched": (next, { batches }) => {
    next.batches = batches
  },
  "deployment.moved": (next, { to, reason, params }, at) => {
    if (to === "running" && !next.started_at) next.started_at = at
    else if (ENDED.has(to)) next.finished_at = at
    Object.assign(next, { status: to, reason, params })
  },
  "step.moved": (next, d, at, places) => {
    const place = places.get(d.key)
    if (next.steps[place]?.key === d.key) next.steps[place] = stepMoved(next.steps[place], d, at)
  },
  "steps.added": (next, { steps }, _at, places) => add(next.steps, places, steps),
  "deployment.cancel_requested": (next, { by }) => {
    next.cancel_requested_by = by
  },
}

// Where each step stands. Steps only ever join at the end, so that the lists of one deployment share this.
const known = new WeakMap()

function placesOf(steps) {
  return known.get(steps) ?? new Map(steps.map((step, place) => [step.key, place]))
}

export function hasEnded(state) {
  return ENDED.has(state.status)
}

export function stepHasEnded(step) {
  return STEP_ENDED.has(step.status)
}

/** The step that went wrong: the one that the end is about, else the first. */
export function faultOf(state) {
  const wrong = state.steps.filter((step) => ["failed", "timed_out", "lost"].includes(step.status))
  const isNamed = (step) => step.reason === state.reason && step.server === (state.params?.server ?? "")
  return wrong.find(isNamed) ?? wrong[0]
}

function stepMoved(step, { to, reason, params, attempt, exit_status, step_id, lines }, at) {
  const next = { ...step, status: to, reason, params, attempt, exit_status, step_id, lines }
  if (to === "running") Object.assign(next, { started_at: at, finished_at: null })
  else if (STEP_ENDED.has(to)) next.finished_at = at
  return next
}

function add(steps, places, more) {
  for (const step of more) {
    if (steps[places.get(step.key)]?.key === step.key) continue
    places.set(step.key, steps.length)
    steps.push(pending(step))
  }
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
