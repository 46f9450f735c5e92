// What the links of a message lead to, asked of the server once per link: the state of `#42`, lines of a log.

import { plain } from "./ansi.js"
import { hasEnded } from "./deployment_state.js"
import { el, setHidden, setTone } from "./dom.js"
import { decoded } from "./route.js"
import { look } from "./status.js"
import { word } from "./words.js"

const GATHER_MS = 30
const MOST = 4

/** The deployments and lines of logs that a text names, each once: `{deployment, step?, line?, to?, href?}`. Pure. */
export function linksIn(text, logPage, origin) {
  const found = new Map()
  const shape = new URL(logPage, origin).pathname.replace("/0/", "/(\\d+)/").replace("STEP", "([^/\\s]+)")
  const inLog = new RegExp(`${origin.replaceAll(".", "\\.")}${shape}?#L(\\d+)(?:-L?(\\d+))?`, "g")
  for (const [href, deployment, step, line, to] of text.matchAll(inLog)) {
    const link = { deployment: Number(deployment), step: decoded(step), line: Number(line), href }
    if (to) link.to = Number(to)
    found.set(keyOf(link), link)
  }
  return [...found.values()].slice(0, MOST)
}

export function keyOf({ deployment, step = "", line = 0, to = 0 }) {
  return `${deployment}/${step}/${line}/${to}`
}

export class Unfurl {
  #ask
  #logPage
  #answers = new Map()
  #waiting = new Map()
  #timer = null

  /** `ask(links)` resolves to the `unfurled` frame; `logPage` is the address of a log with places. */
  constructor(ask, logPage) {
    this.#ask = ask
    this.#logPage = logPage
  }

  /** Put what the links of `text` lead to into `element`, once it is known. */
  into(text, element) {
    for (const link of linksIn(text, this.#logPage, location.origin)) this.#add(link, element)
  }

  /** Say beside each `#42` below `element` what it is. */
  numbers(element) {
    for (const link of element.querySelectorAll("a[data-deployment]")) this.#name(link)
  }

  async #name(link) {
    const found = await this.#know({ deployment: Number(link.dataset.deployment) })
    if (found) link.append(el("small", "unfurl__what", ` ${found.app} → ${found.environment}`))
  }

  async #add(link, element) {
    const found = await this.#know(link)
    if (!found?.log) return
    setHidden(element, false)
    element.append(logCard(found, link))
  }

  #know(link) {
    const key = keyOf(link)
    if (!this.#answers.has(key)) {
      this.#answers.set(
        key,
        new Promise((resolve) => {
          this.#waiting.set(key, { link, resolve })
          this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS)
        }),
      )
    }
    return this.#answers.get(key)
  }

  async #flush() {
    this.#timer = null
    const batch = [...this.#waiting.entries()].slice(0, 20)
    for (const [key] of batch) this.#waiting.delete(key)
    if (this.#waiting.size) this.#timer = setTimeout(() => this.#flush(), GATHER_MS)
    try {
      const { items } = await this.#ask(batch.map(([, { link }]) => ({ ...link, href: undefined })))
      batch.forEach(([key, { resolve }], index) => {
        if (!items[index]) this.#answers.delete(key) // not there yet, perhaps
        resolve(items[index] ?? null)
      })
    } catch {
      for (const [key, { resolve }] of batch) {
        this.#answers.delete(key) // the next row that names it asks again
        resolve(null)
      }
    }
  }
}

function chip(status) {
  const state = el("span", "status", word(`status.${status}`))
  setTone(state, look(status).tone)
  return state
}

function logCard(found, { href }) {
  const { deployment, app, environment, status, log } = found
  const name = [log.server, word(`step.${log.kind}`)].filter(Boolean).join(" ")
  const head = el("a", "unfurl__head", `#${deployment} ${app} → ${environment} · ${name}`)
  head.href = href
  if (hasEnded(found)) head.append(" · ", chip(status)) // of what runs on, this would soon be yesterday's news
  const lines = log.lines.map(([number, , channel, text]) => {
    const line = el("span", channel === "e" ? "unfurl__line is-bad" : "unfurl__line", el("i", "num", String(number)))
    line.append(el("samp", "", plain(text)))
    return line
  })
  const scroll = el("div", "unfurl__lines", ...lines)
  scroll.tabIndex = 0 // it may be wider than the page
  scroll.role = "group"
  scroll.ariaLabel = name
  return el("figure", "unfurl", head, scroll)
}
