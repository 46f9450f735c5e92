// Finding: rooms by name, and what was said in them. Typed, it asks the server; chosen, it goes there.

import { el, icon, setHidden, setText, slots } from "./dom.js"
import { clock } from "./ticker.js"
import { moment } from "./time.js"
import { dayWords, language, word } from "./words.js"

const PAUSE_MS = 180
const LEAST = 2

export class Find {
  #dialog
  #field
  #list
  #slots
  #edges
  #further
  #before = null
  #chosen = 0
  #number = 0
  #timer = null

  /** `edges`: `search({text, room?, before?})` resolves to the `found` frame; `urls`; `room` (`{id, slug}`). */
  constructor(dialog, edges) {
    this.#dialog = dialog
    this.#edges = edges
    this.#slots = slots(dialog)
    this.#field = dialog.querySelector("input[type=search]")
    this.#list = dialog.querySelector("[role=listbox]")
    this.#field.addEventListener("input", () => this.#changed())
    this.#slots.here.addEventListener("change", () => this.#changed())
    this.#further = dialog.querySelector('[data-action="further"]')
    this.#further.addEventListener("click", () => this.#ask(this.#text, this.#before))
    dialog.addEventListener("keydown", (event) => this.#key(event))
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()) // beside it
    this.#list.addEventListener("click", (event) => this.#go(event.target.closest("[role=option]")))
    dialog.querySelector('[data-action="close-find"]').addEventListener("click", () => dialog.close())
  }

  open() {
    if (this.#dialog.open) return
    this.#dialog.showModal()
    this.#field.select()
    this.#changed()
  }

  get #text() {
    return this.#field.value.trim()
  }

  #changed() {
    clearTimeout(this.#timer)
    this.#number += 1
    const text = this.#text
    this.#show(this.#rooms(text), text)
    if (text.length >= LEAST) this.#timer = setTimeout(() => this.#ask(text), PAUSE_MS)
  }

  // The server looks through so many messages at once; `before` goes on from where it stopped, below what was found.
  async #ask(text, before) {
    const number = this.#number
    const room = this.#slots.here.checked ? this.#edges.room.id : undefined
    try {
      const answer = await this.#edges.search({ text, room, before })
      if (number !== this.#number) return
      const above = before ? [...this.#list.children] : this.#rooms(text)
      this.#show([...above, ...answer.items.map((item) => this.#message(item, text))], text, true)
      if (before && answer.items.length) this.#choose(above.length)
      this.#before = answer.before
      setHidden(this.#further, !answer.more)
    } catch {
      if (number === this.#number) setText(this.#slots.none, word("find.away"))
    }
  }

  // The rooms that the rail names.
  #rooms(text) {
    const links = [...document.querySelectorAll(".rail [data-room]")]
    const wanted = text.toLowerCase()
    return links
      .filter((link) => link.dataset.slug.includes(wanted))
      .map((link) => row(link.href, icon("hash"), el("strong", "", link.dataset.slug)))
  }

  #message(item, text) {
    const where = el("small", "find__where", `${item.by} · #${item.slug} · ${moment(item.at, clock.now(), language, dayWords())}`)
    return row(this.#edges.urls.room(item.slug, item.q), icon("search"), el("span", "", excerpt(item.text, text), where))
  }

  #show(rows, text, isAnswered = false) {
    this.#list.replaceChildren(...rows)
    setHidden(this.#further, true)
    setHidden(this.#slots.none, rows.length > 0 || text.length < LEAST)
    setText(this.#slots.none, isAnswered ? word("find.none") : word("find.looking"))
    this.#choose(0)
  }

  #choose(index) {
    const rows = [...this.#list.children]
    this.#chosen = rows.length ? (index + rows.length) % rows.length : 0
    for (const [at, each] of rows.entries()) each.setAttribute("aria-selected", String(at === this.#chosen))
    const chosen = rows[this.#chosen]
    chosen?.scrollIntoView({ block: "nearest" })
    if (chosen) this.#field.setAttribute("aria-activedescendant", chosen.id)
    else this.#field.removeAttribute("aria-activedescendant")
  }

  #go(row) {
    if (!row) return
    this.#dialog.close()
    location.assign(row.dataset.href)
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === "Escape") this.#dialog.close() // a search field would only empty itself
    else if (step) this.#choose(this.#chosen + step)
    else if (event.key === "Enter" && event.target === this.#field) this.#go(this.#list.children[this.#chosen])
    else return
    event.preventDefault()
  }
}

let rows = 0

function row(href, ...content) {
  const item = el("li", "find__item", ...content)
  item.dataset.href = href
  item.role = "option"
  rows += 1
  item.id = `found-${rows}`
  return item
}

/** The part of a text around the first word that was looked for, with the words marked. */
function excerpt(text, wanted) {
  const words = wanted.split(/\s+/u).filter((each) => each && !each.toLowerCase().startsWith("from:"))
  const lower = text.toLowerCase()
  const first = Math.max(0, Math.min(...words.map((each) => lower.indexOf(each.toLowerCase())).filter((at) => at >= 0), text.length))
  const start = first > 60 ? first - 40 : 0
  const shown = el("span", "find__text", start ? "…" : "")
  const cut = text.slice(start, start + 200)
  let at = 0
  for (const [from, to] of hits(cut.toLowerCase(), words)) {
    if (from < at) continue
    shown.append(cut.slice(at, from), el("mark", "", cut.slice(from, to)))
    at = to
  }
  shown.append(cut.slice(at))
  return shown
}

function hits(text, words) {
  const found = []
  for (const each of words.map((word) => word.toLowerCase())) {
    for (let at = text.indexOf(each); at >= 0; at = text.indexOf(each, at + each.length)) found.push([at, at + each.length])
  }
  return found.sort((a, b) => a[0] - b[0])
}
