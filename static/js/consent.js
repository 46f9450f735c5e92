// Who agreed to a deployment, and who still must: the box beside its graph. `consentOf` mirrors chatops/deployments/consent.py.

import { clone, setHidden, setText, slots } from "./dom.js"
import { paintAvatar } from "./people.js"
import { clock } from "./ticker.js"
import { moment } from "./time.js"
import { dayWords, language, valueText, word } from "./words.js"

/** `{answers, missing, people, until, confirmer}` of a state. Pure. */
export function consentOf({ status, params, answers, by }) {
  const found = { answers, missing: 0, people: [], until: null, confirmer: "" }
  if (status === "awaiting_approval") {
    const told = new Set(answers.map((each) => each.by))
    const agreed = answers.filter((each) => each.is_yes).length
    found.missing = Math.max(0, (params.needed ?? 0) - agreed)
    found.people = (params.people ?? []).filter((name) => !told.has(name))
  }
  if (status === "awaiting_confirmation") found.confirmer = by
  if (found.missing || found.confirmer) found.until = params.until?.at ?? null
  return found
}

export class ConsentView {
  #list
  #slots
  #shown = ""

  constructor(list) {
    this.#list = list
    this.#slots = slots(list)
  }

  update(state) {
    const consent = consentOf(state)
    const key = JSON.stringify(consent)
    if (key === this.#shown) return
    this.#shown = key
    for (const each of this.#list.querySelectorAll("[data-answer]")) each.remove()
    const waits = this.#slots["consent-waits"]
    waits.before(...consent.answers.map(row))
    const { missing, people, until, confirmer } = consent
    setHidden(waits, !missing && !confirmer)
    setText(this.#slots["consent-who"], whoMust(missing, people, confirmer))
    setText(this.#slots["consent-until"], until ? word("until", { time: when(until) }) : "")
  }
}

function whoMust(count, people, name) {
  if (name) return word("consent.confirm", { name })
  if (!count) return ""
  const names = valueText(people)
  return count === people.length ? word("consent.all", { names }) : word("consent.needs", { count, names })
}

function row({ by, is_yes: isYes, comment, at }) {
  const made = clone("answer")
  const into = slots(made)
  if (!isYes) made.className = "is-bad"
  paintAvatar(into.avatar, by)
  into.name.textContent = by
  into.said.textContent = word(isYes ? "consent.yes" : "consent.no")
  into.at.dateTime = at
  into.at.textContent = when(at)
  into.comment.textContent = comment ? ` “${comment}”` : ""
  return made
}

function when(iso) {
  return moment(iso, clock.now(), language, dayWords())
}
