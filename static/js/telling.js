// What a deployment is doing, in one sentence; shared by card, panel and page.

import { faultOf, GONE, hasEnded, UNHEARD } from "./deployment_state.js"
import { list, phrase, plural, word } from "./words.js"

/** What changes the release, so that there is one to go back to. */
const SHIPS = new Set(["deploy", "promote", "redeploy"])
const WAITS_FOR_PEOPLE = new Set(["awaiting_confirmation", "awaiting_approval", "scheduled"])

/** A revision as people write it. */
export function short(revision) {
  return (revision ?? "").slice(0, 7)
}

/** The sentence under the fleet strip. */
export function sentence(state) {
  if (state.status === GONE) return word("gone")
  if (state.status === UNHEARD) return ""
  if (state.status === "succeeded" && state.kind === "task") return word("task_done", { ref: state.ref })
  if (state.status === "succeeded") return state.subject || word("live", { ref: state.ref })
  if (["failed", "rolled_back"].includes(state.status) && faultOf(state)) return standing(state)
  if (hasEnded(state)) return state.reason ? phrase(state.reason, state.params) : ""
  if (state.status === "cancelling" || state.cancel_requested_by) {
    return word("doing.cancelling", { name: state.cancel_requested_by })
  }
  if (state.status === "paused") return state.reason ? phrase(state.reason, state.params) : ""
  if (state.status === "verifying") return word("doing.verifying", { ref: state.ref })
  if (state.status === "queued") return state.reason ? phrase(state.reason, state.params) : word("doing.queued")
  if (WAITS_FOR_PEOPLE.has(state.status)) return state.reason ? phrase(state.reason, state.params) : ""
  const running = state.steps.filter((step) => step.status === "running")
  const step = running.at(-1)
  if (!step) return word("doing.planning", { ref: state.ref })
  const servers = running.filter((each) => each.kind === step.kind).map((each) => each.server)
  return word(`doing.${step.kind}`, { ref: state.ref, servers: list(servers.filter(Boolean)) })
}

/** After a failure: which release the servers run. What failed is said below it. */
function standing(state) {
  if (state.status === "rolled_back") return word("standing.back")
  if (state.params?.runs) return word("standing.runs", { runs: runs(state.params.runs) })
  const went = state.steps.filter((step) => step.kind === "switch" && step.status === "succeeded")
  const back = new Set(
    state.steps.filter((step) => step.kind === "back" && step.status === "succeeded").map((step) => step.server),
  )
  const now = went.map((step) => step.server).filter((server) => !back.has(server))
  if (now.length) return word("standing.mixed", { servers: list(now, 3) })
  return word(state.steps.some((step) => step.server) ? "standing.untouched" : "")
}

/** `5-3f9c2ab (web-1, web-2), unknown (web-3)`; see `runs` in bot/phrases/tables.py. */
function runs(found) {
  const codes = { "": "runs.unknown", "-": "runs.nothing" }
  return Object.entries(found).map(([release, servers]) => ({
    code: codes[release] ?? "runs",
    params: { release, servers },
  }))
}

/** The moves that make sense now, by the words of chatops/deployments/acts.py. */
export function openMoves(state) {
  const { status, params } = state
  const isStopping = ["cancelling", "rolling_back"].includes(status) || Boolean(state.cancel_requested_by)
  const found = {
    confirm: status === "awaiting_confirmation",
    no: status === "awaiting_confirmation",
    approve: status === "awaiting_approval",
    reject: status === "awaiting_approval",
    resume: status === "paused",
    pause: status === "running" && state.batches.length > 1 && !isStopping,
    retry: ["failed", "rolled_back", "cancelled", "expired"].includes(status),
    "retry-failed": status === "failed" && hasSome(params?.runs),
    rollback: status === "succeeded" && SHIPS.has(state.kind),
    cancel: !hasEnded(state) && !isStopping && ![UNHEARD, "awaiting_confirmation"].includes(status),
  }
  return new Set(Object.keys(found).filter((name) => found[name]))
}

function hasSome(found) {
  return Boolean(found) && Object.keys(found).length > 0
}

/** What went wrong where: `{step, server, text}`, or null. */
export function fault(state) {
  const step = faultOf(state)
  if (!step) return null
  const text = step.reason ? phrase(step.reason, step.params) : word(`status.${step.status}`)
  return { step, server: step.server, text }
}

/** What stands over the graph: how it ended badly, or what is failing now; `{text, tone}`, text "" when all is well. */
export function outcome(state) {
  if (state.status === GONE) return { text: word("gone"), tone: "mute" }
  const isBad = ["failed", "rolled_back"].includes(state.status)
  if (hasEnded(state) && state.status !== "succeeded" && state.reason) {
    return { text: phrase(state.reason, state.params), tone: isBad ? "bad" : "mute" }
  }
  return { text: fault(state)?.text ?? "", tone: "bad" }
}

/** `main 5c1d9e0`, `· 3 commits`, `· by bob`: as `[code, plain, plain]`. */
export function about(state) {
  const named = [state.ref === state.revision ? "" : state.ref, short(state.revision)]
  const code = named.filter((each, at, all) => each && all.indexOf(each) === at).join(" ")
  const plain = []
  if (state.kind && state.kind !== "deploy") plain.push(phrase(`word.${state.kind}`))
  if (state.commits) plain.push(plural("commits", state.commits))
  if (state.by) plain.push(word("by", { name: state.by }))
  return { code, plain }
}
