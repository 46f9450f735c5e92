// A server's page while it is being visited: what was found takes its place as soon as there is an answer. Nothing else
// on the page moves: one may read on, or write in the form.

import { localTimes } from "./page.js"
import { Lookout } from "./lookout.js"

const EVERY_MS = 1000
/** The name with its pin, and what the visit found. */
const PARTS = [".page__head", ".result"]

const lookout = new Lookout({ address: location.href, kind: "document", everyMs: EVERY_MS }, { take, answered() {} })

function take(fresh) {
  const found = fresh.querySelector(".result")
  if (!found || found.dataset.state === "looking") return
  lookout.isEnded = true
  localTimes(fresh)
  for (const part of PARTS) replace(document.querySelector(part), fresh.querySelector(part))
}

// What is in it goes, it stays: so it is read out.
function replace(old, next) {
  const hadFocus = old.contains(document.activeElement)
  old.className = next.className
  Object.assign(old.dataset, next.dataset)
  old.replaceChildren(...next.childNodes)
  if (hadFocus) old.querySelector("a, button, input")?.focus()
}

lookout.ask()
