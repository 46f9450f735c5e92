// What a person said or ran, as a row: a clone of its template, filled with text.

import { clone, el, setHidden, slots } from "./dom.js"
import { isConsole, parts } from "./line.js"
import { render as renderMarkup } from "./markup_view.js"
import { paintAvatar } from "./people.js"
import { hour } from "./time.js"
import { language, word } from "./words.js"

export class MessageView {
  #context
  #unfurl

  /** `context`: `{me, urls, isCalled(name)}`; `unfurl` (Unfurl) adds what links lead to. */
  constructor(context, unfurl) {
    this.#context = context
    this.#unfurl = unfurl
  }

  message(event) {
    const { row, into } = this.#spoken("message", event)
    const { text = "", reply, edited, deleted } = event.d
    row.classList.toggle("event--gone", Boolean(deleted))
    if (deleted) {
      into.text.replaceChildren(el("p", "", word("taken_back")))
      return row
    }
    into.text.replaceChildren(...renderMarkup(text, { ...this.#markup, by: event.by?.name }))
    this.#quote(into, reply)
    if (edited) markEdited(into)
    this.#unfurl.numbers(into.text)
    this.#unfurl.into(text, into.unfurls)
    return row
  }

  command(event) {
    const { row, into } = this.#spoken("command", event)
    paintSaid(into.said, event.d.text ?? "")
    return row
  }

  #quote(into, reply) {
    setHidden(into.quote, !reply)
    if (!reply) return
    into.quote.href = reply.q ? `#e${reply.q}` : "#"
    into["quote-by"].textContent = reply.by
    into["quote-text"].textContent = reply.text || word("taken_back")
  }

  #spoken(template, event) {
    const row = clone(template)
    const into = slots(row)
    const name = event.by?.name ?? "Shiproom"
    row.dataset.q = event.q
    if (event.q) {
      row.id = `e${event.q}`
      if (into.link) into.link.href = `#e${event.q}`
    }
    paintAvatar(into.avatar, name)
    into.author.textContent = name
    stamp(into.time, event.at)
    into.when.textContent = into.time.textContent
    // A guest's name says where they speak.
    if (event.by?.via && event.by.via !== "web" && event.by.id) into.via.textContent = word(`via.${event.by.via}`)
    return { row, into }
  }

  get #markup() {
    return {
      deploymentUrl: this.#context.urls.deploymentPage,
      isCalled: this.#context.isCalled,
    }
  }
}

// Behind the last words, where it takes no line of its own; below a block of code it does.
function markEdited(into) {
  const last = into.text.lastElementChild
  if (last?.tagName === "P") last.append(" ", el("small", "event__edited", into.edited.textContent))
  else setHidden(into.edited, false)
}

/** A typed command with its verb in the accent. */
export function paintSaid(element, text) {
  const { verb, rest } = isConsole(text) ? parts(text) : { verb: "", rest: text }
  const words = rest.trim()
  element.replaceChildren(...(verb ? [el("b", "", verb), " "] : []), ...(words ? [el("span", "", words)] : []))
}

export function stamp(element, at) {
  element.dateTime = at
  element.textContent = hour(at, language)
}
