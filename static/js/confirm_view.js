// The confirm card: what exactly will be done, one press to do it, one to drop it, and how long there is. It is bound to
// the plan that was made: what was agreed to is what ships.

import { GONE, hasEnded } from "./deployment_state.js"
import { el, setHidden, setText } from "./dom.js"
import { short } from "./telling.js"
import { clock, everySecond } from "./ticker.js"
import { elapsed } from "./time.js"
import { plural, word } from "./words.js"

export class ConfirmView {
  #deployments
  #run

  /** `run(line)` runs a command. */
  constructor(deployments, run) {
    this.#deployments = deployments
    this.#run = run
  }

  /** Put the facts and the two moves into a private answer; they go when the deployment waits no more. */
  dress({ text, moves }, { deployment: id, params }) {
    const facts = el("p", "confirm__facts")
    const yes = button("button--primary", word("confirm.yes", { revision: short(params.revision?.revision ?? "") }))
    const no = button("button--quiet", word("confirm.no"))
    const left = el("span", "confirm__left num")
    yes.addEventListener("click", () => this.#press([yes, no], `/confirm #${id}`))
    no.addEventListener("click", () => this.#press([yes, no], `/no #${id}`))
    text.append(facts)
    moves.replaceChildren(yes, no, left)
    setHidden(moves, false)
    let until = null
    let isAsking = false
    const stop = () => {
      still()
      queueMicrotask(() => unwatch()) // what is known already is told before there is a way to stop
    }
    const still = everySecond(() => {
      if (!moves.isConnected) return void stop()
      if (isAsking) setText(left, until ? word("confirm.left", { time: elapsed(until - clock.now()) }) : "")
    })
    const unwatch = this.#deployments.watch(id, ({ state, isComplete }) => {
      if (!isComplete && state.status !== GONE) return
      until = Date.parse(state.params?.until?.at ?? state.params?.until ?? "") || null
      isAsking = state.status === "awaiting_confirmation"
      setText(facts, isAsking ? factsOf(state) : "")
      setHidden(yes, !isAsking)
      setHidden(no, !isAsking)
      if (!isAsking) setText(left, word(`status.${state.status}`))
      if (hasEnded(state)) stop()
    })
    this.#deployments.want(id)
  }

  // Once is enough: the answer, or the deployment, says the rest.
  #press(buttons, line) {
    for (const each of buttons) each.disabled = true
    setTimeout(() => buttons.forEach((each) => (each.disabled = false)), 3_000)
    this.#run(line)
  }
}

function factsOf(state) {
  const servers = new Set(state.steps.map((step) => step.server).filter(Boolean)).size
  const told = []
  if (state.commits) told.push(plural("commits", state.commits))
  if (servers) told.push(plural("confirm.servers", servers))
  return told.join(" · ")
}

function button(kind, text) {
  const made = el("button", `button ${kind}`, text)
  made.type = "button"
  return made
}
