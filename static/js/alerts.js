// Whether something that happened in a room is worth calling its reader for, and how loudly. Pure.
//
// `wants` is what the server says of the reader (`alerts` of docs/room-protocol.md): `levels` by room ("all",
// "mentions" (and failures), "nothing"), `on_call`, `watching` apps and environments, `muted` apps.

import { mentions } from "./markup.js"

const FAILED = /^announce\.(?:failed|rolled_back|rollback_failed)$/
/** It was interrupted and goes on: news for who watches it, and nothing that went wrong. */
const RESUMED = /^announce\.taken_over$/
const ASKS = /^announce\.(?:awaiting_approval|confirm|paused)$/
const ENDED = /^announce\.(?:finished|cancelled|rejected|expired|task_done)$/
/** A person's words to everybody: called out whatever the level, but nothing. */
const ANNOUNCED = /^announce\.said$/

/**
 * Null, or `{kind, isUrgent, tag}`: `kind` is mention, announced, failed, asks, resumed, ended or message; an urgent one is
 * heard as well as seen. `tag` is the same for things that replace each other.
 */
export function alertFor(event, room, wants, me, now) {
  if (event.by?.id === me.id) return null
  const kind = kindOf(event, me, wants)
  if (!kind) return null
  const level = wants.levels?.[room] ?? "mentions"
  const app = event.d.params?.app
  if (app && Date.parse(wants.muted?.[app] ?? 0) > now) return null
  const isForDuty = wants.on_call && (kind === "failed" || kind === "asks")
  const isWanted = isForDuty || isWatched(event, wants) || atLevel(level, kind)
  if (!isWanted) return null
  const tag = event.d.deployment ? `deployment-${event.d.deployment}` : `room-${room}`
  return { kind, isUrgent: isForDuty || kind === "failed" || kind === "mention", tag }
}

/** Whether `@name` in a text is the reader: by name, as everybody, or as who is on call. */
export function isCalled(name, me, wants) {
  return name === me.name.toLowerCase() || name === "here" || (name === "oncall" && Boolean(wants.on_call))
}

function kindOf({ k, d }, me, wants) {
  if (k === "message") return mentions(d.text ?? "").some((name) => isCalled(name, me, wants)) ? "mention" : "message"
  if (k === "command") return "message"
  if (k !== "announcement") return null
  if (ANNOUNCED.test(d.code)) return "announced"
  if (FAILED.test(d.code)) return "failed"
  if (ASKS.test(d.code)) return "asks"
  if (RESUMED.test(d.code)) return "resumed"
  return ENDED.test(d.code) ? "ended" : null
}

function atLevel(level, kind) {
  if (level === "all") return true
  if (level === "nothing") return false
  return ["mention", "failed", "asks", "announced"].includes(kind)
}

function isWatched({ k, d }, { watching = [] }) {
  if (k !== "announcement" || !d.params?.app) return false
  const { app, environment } = d.params
  return watching.some((each) => each.app === app && ["", environment].includes(each.environment))
}
