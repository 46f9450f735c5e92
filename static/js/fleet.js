// The fleet strip: one cell per server. Filled is done, striped runs, taller failed, hollow waits, thin never started.

import { hasEnded } from "./deployment_state.js"
import { servers } from "./graph_fold.js"
import { el, setTone } from "./dom.js"
import { word } from "./words.js"

/** More servers than this share cells. */
const MOST_CELLS = 40

/** `[{tone, isSkipped, names}]` and the counts that say the same in words. Pure. */
export function cells(state) {
  const all = servers(state).map(({ name, steps, status }) => ({ name, ...cellOf(state, steps, status) }))
  const size = Math.ceil(all.length / MOST_CELLS) || 1
  const found = []
  for (let at = 0; at < all.length; at += size) found.push(merge(all.slice(at, at + size)))
  const count = (tone) => all.filter((cell) => cell.tone === tone).length
  return { cells: found, done: count("ok"), running: count("run"), failed: count("bad"), count: all.length }
}

function cellOf(state, steps, status) {
  const wentBack = steps.some((step) => step.kind === "back" && step.status === "succeeded")
  if (["failed", "timed_out"].includes(status)) return { tone: "bad", isSkipped: false }
  if (status === "lost") return { tone: "wait", isSkipped: false }
  if (wentBack) return { tone: "mute", isSkipped: false }
  if (status === "succeeded") return { tone: "ok", isSkipped: false }
  if (hasEnded(state)) return { tone: "mute", isSkipped: true }
  return { tone: status === "running" ? "run" : "mute", isSkipped: false }
}

function merge(group) {
  const tone = ["bad", "wait", "run"].find((each) => group.some((cell) => cell.tone === each))
  const isSame = group.every((cell) => cell.tone === group[0].tone)
  const mixed = group.some((cell) => cell.tone === "ok") ? "run" : "mute"
  return {
    tone: tone ?? (isSame ? group[0].tone : mixed),
    isSkipped: group.every((cell) => cell.isSkipped),
    names: group.map((cell) => cell.name),
  }
}

/** Draw the strip into its element; cells are kept, so that stripes do not jump. */
export function paintFleet(element, state) {
  const { cells: wanted, ...counts } = cells(state)
  element.hidden = wanted.length === 0
  const label = word("fleet", counts)
  if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label)
  const batch = element.firstElementChild ?? element.appendChild(el("span", "fleet__batch"))
  while (batch.childElementCount > wanted.length) batch.lastElementChild.remove()
  while (batch.childElementCount < wanted.length) batch.append(el("i", "fleet__cell is-mute"))
  wanted.forEach(({ tone, isSkipped, names }, index) => {
    const cell = batch.children[index]
    setTone(cell, tone)
    cell.classList.toggle("is-skip", isSkipped)
    if (cell.title !== names.join(", ")) cell.title = names.join(", ")
  })
  return counts
}
