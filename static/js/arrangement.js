// How the rows of a timeline stand together: days, where the new begins, and lines that belong to the line above.

import { clone } from "./dom.js"
import { clock } from "./ticker.js"
import { day, dayName } from "./time.js"
import { dayWords, language, word } from "./words.js"

const MORE_MS = 5 * 60_000

/** One pass over what is shown, `[{row, q, at, event}]` in its order; `newFrom` is the number of the first new event, or null. */
export function arrange(list, rows, newFrom) {
  for (const divider of list.querySelectorAll(".divider")) divider.remove()
  let above = null
  let isNewSaid = false
  for (const entry of rows) {
    if (isSaidAbove(entry, above)) continue
    let isDivided = false
    if (entry.at && (!above?.at || day(above.at) !== day(entry.at))) isDivided = divide(entry, dayWord(entry))
    if (!isNewSaid && above && newFrom !== null && entry.q >= newFrom) {
      isNewSaid = true
      isDivided = divide(entry, word("new_divider"), "divider--new")
    }
    entry.row.classList.toggle("event--more", !isDivided && continues(above?.event, entry.event))
    above = entry
  }
}

/** Whether a line goes on what the same person said right above it. */
export function continues(above, event) {
  if (above?.k !== "message" || event?.k !== "message") return false
  if (above.by?.id !== event.by?.id || above.by?.name !== event.by?.name) return false // guests have no id
  return !event.d.reply && Date.parse(event.at) - Date.parse(above.at) < MORE_MS
}

// The card right above says the same.
function isSaidAbove({ row, event }, above) {
  if (event?.k !== "announcement") return false
  row.hidden = Boolean(event.d.deployment) && above?.event?.d.deployment === event.d.deployment && above.event.k === "card"
  return row.hidden
}

function divide({ row }, text, extra = "") {
  const divider = clone("divider")
  divider.textContent = text
  if (extra) divider.classList.add(extra)
  row.before(divider)
  return true
}

function dayWord({ at }) {
  return dayName(at, clock.now(), language, dayWords())
}
