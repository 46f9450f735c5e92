// One field that is both: a message, or a console once the line starts with a slash.

import { Complete } from "./complete.js"
import { About } from "./composer_about.js"
import { el, setHidden, setText, slots } from "./dom.js"
import { History } from "./history.js"
import { calling, isConsole, parts, toSend } from "./line.js"
import { keep } from "./store.js"
import { plural, word } from "./words.js"

const TYPING_MS = 3_000
const SAY_MS = 12_000

export class Composer {
  #form
  #field
  #slots
  #edges
  #limit
  #complete
  #about
  #history
  #draftKey
  #look = null
  #typedAt = 0
  #sayTimer = null
  #passing = ""
  #lasting = ""

  /**
   * `store` names what is kept here: one person's lines and draft for one room. `edges`: `whyNot()` says why nothing can
   * be sent ("" for it can), `send(text, reply)`, `edit(id, text)`, `complete(text, caret)`, `lines()`, `typing(isOn)`,
   * `down()`.
   */
  constructor(form, { store, limit }, edges) {
    this.#form = form
    this.#field = form.elements.line
    this.#slots = slots(form)
    this.#edges = edges
    this.#limit = limit
    this.#complete = new Complete(form.querySelector(".complete"), this.#field, edges.complete)
    this.#about = new About(form.querySelector(".about"), () => this.leave())
    this.#history = new History(`lines:${store}`)
    this.#learn()
    this.#draftKey = `draft:${store}`
    this.#listen()
    this.#field.value = sessionStorage.getItem(this.#draftKey) ?? ""
    this.#paint()
  }

  focus() {
    this.#field.focus()
  }

  /** Put a line in for its author to look at, and to send or not: a line of its own. What was being written is kept in the history. */
  fill(text) {
    this.#keepDraft(text)
    if (this.leave()) this.#keepDraft(text)
    this.#write(text)
    this.focus()
  }

  // What stands in the field, for Arrow Up, unless it is what comes next or what an edit began with.
  #keepDraft(next) {
    const draft = toSend(this.#field.value)
    if (draft && ![next, this.#about.value?.text].includes(draft)) this.#history.add(draft)
  }

  /** The next line answers this message: `{id, q, by, text}`. */
  answer(message) {
    this.leave()
    this.#about.set({ kind: "reply", ...message })
    this.focus()
  }

  /** Change this message of one's own; what was being written comes back afterwards. */
  edit({ id, text }) {
    this.leave()
    this.#about.set({ kind: "edit", id, text, draft: this.#field.value })
    this.#write(text)
    this.focus()
  }

  /** The line is about nothing in particular again; returns whether it was. */
  leave() {
    const about = this.#about.value
    this.#about.set(null)
    if (about?.kind === "edit") this.#write(about.draft)
    return about !== null
  }

  /** Begin a command, unless something is being written. */
  beginCommand() {
    if (!this.#field.value) this.#write("/")
    this.focus()
  }

  /** Give a line back that was not sent, unless something else is being written. */
  giveBack(text, why) {
    if (this.#field.value.trim() || this.#about.value?.kind === "edit") this.#history.add(text)
    else this.#write(text)
    this.say(why)
  }

  /** A line that was given back is not needed again: it goes, unless it was changed. */
  takeOut(text, why) {
    if (this.#field.value === text && !this.#about.value) this.#write("")
    this.say(why)
  }

  /** One sentence above the field, for a while or (`isLasting`) until it is taken back by an empty one. */
  say(text, isLasting = false) {
    if (isLasting) this.#lasting = text
    else {
      clearTimeout(this.#sayTimer)
      this.#passing = text
      if (text) this.#sayTimer = setTimeout(() => this.say(""), SAY_MS)
    }
    const said = this.#passing || this.#lasting
    setText(this.#slots.say, said)
    setHidden(this.#slots.say, !said)
  }

  showTyping(names) {
    const key = names.length > 2 ? "typing.many" : names.length === 2 ? "typing.two" : "typing.one"
    setHidden(this.#slots.typing, !names.length)
    if (names.length) setText(this.#slots.who, word(key, { name: names[0], other: names[1] }))
  }

  /** The way down when one reads further up: how many came since, or null at the bottom. */
  showNew(count) {
    const button = this.#form.querySelector('[data-action="down"]')
    setHidden(button, count === null)
    if (count !== null) setText(this.#slots.new, count ? plural("new", count) : word("newest"))
  }

  // Commands that were typed in other tabs and on other devices come before those of this one.
  async #learn() {
    try {
      this.#history.learn(await this.#edges.lines())
    } catch {
      // those of this tab are there
    }
  }

  #listen() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault()
      this.#send()
    })
    this.#field.addEventListener("input", () => this.#changed())
    this.#field.addEventListener("completed", () => this.#paint())
    this.#field.addEventListener("keydown", (event) => this.#key(event))
    this.#field.addEventListener("scroll", () => (this.#slots.paint.scrollTop = this.#field.scrollTop))
    this.#field.addEventListener("blur", () => this.#complete.close())
    this.#form.querySelector('[data-action="slash"]').addEventListener("click", () => this.#slash())
    this.#form.querySelector('[data-action="down"]').addEventListener("click", () => this.#edges.down())
  }

  #slash() {
    if (!isConsole(this.#field.value)) this.#write(`/${this.#field.value.replace(/^\/+/, "")}`)
    this.focus()
  }

  // The guard comes first: while an input method composes, Enter and the arrows are its own. `isComposing` alone
  // misses the Enter that ends a composition in Safari; its key code is 229.
  #key(event) {
    if (event.isComposing || event.keyCode === 229) return
    if (this.#lookBack(event)) return void event.preventDefault()
    if (this.#complete.key(event)) return void event.preventDefault()
    if (event.key === "Escape" && this.leave()) return void event.preventDefault()
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && !isTouch()) {
      event.preventDefault()
      return void this.#send()
    }
    if (event.key === "ArrowUp" || event.key === "ArrowDown") this.#recall(event)
  }

  // Ctrl+R, as in a shell: the newest line that holds what is written, and with each press an older one.
  #lookBack(event) {
    if (event.key.toLowerCase() !== "r" || !event.ctrlKey || event.altKey || event.metaKey) {
      if (!["Control", "Shift"].includes(event.key)) this.#look = null
      return false
    }
    this.#look ??= { wanted: this.#field.value.replace(/^\/$/, ""), at: undefined }
    const found = this.#history.find(this.#look.wanted, this.#look.at)
    if (!found) this.say(word("look_back.none"))
    else {
      this.#look.at = found.at
      this.#show(found.line)
      this.#complete.close()
    }
    return true
  }

  #recall(event) {
    const isFree = this.#history.isBrowsing || this.#field.value === ""
    if (!isFree || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return
    const line = event.key === "ArrowUp" ? this.#history.older(this.#field.value) : this.#history.newer()
    if (line === null) return
    event.preventDefault()
    this.#show(line)
  }

  #send() {
    const text = toSend(this.#field.value)
    if (text === null) return
    if (text.length > this.#limit) {
      return void this.say(word("too_long", { count: text.length, limit: this.#limit }))
    }
    const whyNot = this.#edges.whyNot()
    if (whyNot) return void this.say(whyNot) // the text stays
    const about = this.#about.value
    this.#about.set(null)
    this.say("")
    if (about?.kind === "edit") {
      this.#write(about.draft)
      if (text !== about.text) this.#edges.edit(about.id, text)
      return
    }
    this.#history.add(text)
    this.#write("")
    this.#edges.send(text, about ? { id: about.id, q: about.q, by: about.by, text: about.text } : undefined)
  }

  #write(text) {
    this.#history.stop()
    this.#show(text)
    this.#complete.lineChanged(isConsole(text))
  }

  #show(text) {
    this.#field.value = text
    this.#field.setSelectionRange(text.length, text.length)
    this.#keep()
    this.#paint()
  }

  #changed() {
    this.#history.stop()
    this.#keep()
    const isCommand = isConsole(this.#field.value)
    this.#complete.lineChanged(isCommand || calling(this.#field.value, this.#field.selectionStart))
    this.#paint()
    if (isCommand || !this.#field.value.trim()) return
    const now = performance.now()
    if (this.#typedAt && now - this.#typedAt < TYPING_MS) return
    this.#typedAt = now
    this.#edges.typing(true)
  }

  #keep() {
    keep(this.#draftKey, this.#field.value)
  }

  // The layer behind the field gives it its height; for a command it also carries the colours.
  #paint() {
    const text = this.#field.value
    const isCommand = isConsole(text)
    this.#form.classList.toggle("is-command", isCommand)
    setHidden(this.#slots.hint, !isCommand)
    const { verb, rest } = isCommand ? parts(text) : { verb: "", rest: text }
    const ghost = isCommand ? this.#complete.ghost : ""
    this.#slots.paint.replaceChildren(el("b", "", verb), rest, el("i", "", ghost), "\u200b")
  }
}

function isTouch() {
  return matchMedia("(pointer: coarse)").matches
}
