// Whose log the drawer shows: the steps before the servers, or one server. Few servers have a tab each; of many only
// those that matter now, and a list has all.

import { el, icon, setHidden, setTone } from "./dom.js"
import { servers } from "./graph_fold.js"
import { telling } from "./rows.js"
import { look } from "./status.js"
import { word } from "./words.js"

const MOST_TABS = 8
const LOUD = new Set(["failed", "timed_out", "lost", "running"])

/** The tabs of a state: `{server, status, step}`, that of `picked` among them; and whether there are more. Pure. */
export function tabsOf(state, picked) {
  const heads = state.steps.filter((step) => !step.server)
  const all = servers(state).map(({ name, status, steps }) => ({ server: name, status, step: telling({ steps }) }))
  const before = heads.length ? [{ server: "", status: null, step: telling({ steps: heads }) }] : []
  if (all.length <= MOST_TABS) return { tabs: [...before, ...all], isAll: true }
  const loud = all.filter((each) => LOUD.has(each.status) && each.server !== picked.server).slice(0, MOST_TABS - 1)
  const shown = new Set([picked.server, ...loud.map((each) => each.server)])
  return { tabs: [...before, ...all.filter((each) => shown.has(each.server))], isAll: false }
}

export class LogTabs {
  #list
  #others
  #choose
  #state = null
  #shown = ""
  #names = ""

  constructor(list, others, choose) {
    this.#list = list
    this.#others = others
    this.#choose = choose
    list.addEventListener("click", (event) => this.#pressed(event))
    list.addEventListener("keydown", (event) => this.#key(event))
    others.addEventListener("change", () => this.#to(others.value))
  }

  clear() {
    this.#list.replaceChildren()
    this.#shown = ""
    this.#names = ""
    setHidden(this.#others, true)
  }

  update(state, picked) {
    this.#state = state
    const { tabs, isAll } = tabsOf(state, picked)
    const key = JSON.stringify([state.id, picked.server, tabs.map(({ server, status }) => [server, status])])
    if (key === this.#shown) return
    this.#shown = key
    const hadFocus = this.#list.contains(document.activeElement)
    this.#list.replaceChildren(...tabs.map((each) => tab(each, each.server === picked.server)))
    if (hadFocus) this.#list.querySelector('[aria-selected="true"]')?.focus()
    setHidden(this.#others, isAll)
    if (!isAll) this.#listAll(state, picked)
  }

  #listAll(state, picked) {
    const names = servers(state).map(({ name }) => name)
    const key = names.join()
    if (key !== this.#names) {
      this.#names = key
      this.#others.replaceChildren(
        option("", word("log_other")),
        ...names.map((name) => option(name, name)),
      )
    }
    this.#others.value = picked.server
  }

  #pressed(event) {
    const pressed = event.target.closest("[role=tab]")
    if (pressed) this.#to(pressed.dataset.server)
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const tabs = [...this.#list.children]
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length]
    event.preventDefault()
    next.focus()
    this.#to(next.dataset.server)
  }

  #to(server) {
    const steps = this.#state.steps.filter((step) => step.server === server)
    if (steps.length) this.#choose(telling({ steps }))
  }
}

function tab({ server, status }, isPicked) {
  const made = el("button", "tab", ...(status ? [mark(status)] : []), server || word("log_heads"))
  made.type = "button"
  made.setAttribute("role", "tab")
  made.setAttribute("aria-selected", String(isPicked))
  made.tabIndex = isPicked ? 0 : -1
  made.dataset.server = server
  return made
}

function mark(status) {
  const { tone, icon: name } = look(status)
  const made = el("span", "status", icon(name))
  setTone(made, tone)
  return made
}

function option(value, text) {
  const made = el("option", "", text)
  made.value = value
  return made
}
