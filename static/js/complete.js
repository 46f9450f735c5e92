// The list of completions above the field: asked of the server, chosen by keys or pointer.

import { clone, el, icon, setHidden, setText, slots } from "./dom.js"
import { accept } from "./line.js"
import { word } from "./words.js"

const PAUSE_MS = 80
const ICONS = {
  command: "terminal",
  app: "deploys",
  ref: "branch",
  branch: "branch",
  tag: "branch",
  environment: "server",
  server: "server",
  deployment: "hash",
  group: "server",
  person: "person",
  people: "users",
}

export class Complete {
  #box
  #field
  #slots
  #list
  #ask
  #answer = null
  #chosen = 0
  /** Whether Enter takes the chosen item: only once a person moved to it. */
  #isDeliberate = false
  #silenced = null
  #timer = null
  #number = 0

  /** `ask(text, caret)` resolves to a `completions` frame. */
  constructor(box, field, ask) {
    this.#box = box
    this.#field = field
    this.#slots = slots(box)
    this.#list = box.querySelector("[role=listbox]")
    this.#ask = ask
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()) // keep the keyboard where it is
    this.#list.addEventListener("click", (event) => this.#clicked(event))
  }

  get isOpen() {
    return !this.#box.hidden
  }

  // Whoever types `@al` and Enter wants alice, not a message that ends in it; nothing runs by that.
  get #isName() {
    const item = this.#answer?.items[this.#chosen]
    return ["person", "people"].includes(item?.kind) && this.#answer.to - this.#answer.from > 1
  }

  /** What comes next at the caret, as its name; "" when a word is begun or nobody knows. */
  get ghost() {
    const { value, selectionStart } = this.#field
    if (!this.#answer || !/\s$/u.test(value) || selectionStart !== value.length) return ""
    const name = this.#answer.usage?.args?.find((arg) => arg.active)?.name ?? ""
    const [first, ...rest] = name.split(" ")
    return rest.length && value.trimEnd().endsWith(` ${first}`) ? rest.join(" ") : name
  }

  /** The line changed: ask, after a short pause. */
  lineChanged(isConsole) {
    clearTimeout(this.#timer)
    this.#number += 1
    if (!isConsole) return this.close()
    if (this.#silenced === this.#field.value) return
    this.#silenced = null
    this.#timer = setTimeout(() => this.#look(), PAUSE_MS)
  }

  /** A key in the field; true when it was for the list. */
  key(event) {
    if (!this.isOpen) return false
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) {
      this.#isDeliberate = true
      this.#choose((this.#chosen + step + this.#answer.items.length) % this.#answer.items.length)
      return true
    }
    const isAtEnd = this.#field.selectionStart === this.#field.value.length
    if (event.key === "Tab" && !event.shiftKey) return this.#take(this.#chosen)
    if (event.key === "ArrowRight" && isAtEnd && !event.shiftKey) return this.#take(this.#chosen)
    if (event.key === "Enter" && !event.shiftKey && (this.#isDeliberate || this.#isName)) return this.#take(this.#chosen)
    if (event.key !== "Escape") return false
    this.#silenced = this.#field.value
    this.close()
    return true
  }

  close() {
    clearTimeout(this.#timer)
    this.#number += 1
    this.#answer = null
    this.#isDeliberate = false
    setHidden(this.#box, true)
    this.#field.removeAttribute("aria-activedescendant")
  }

  async #look() {
    const number = this.#number
    try {
      const answer = await this.#ask(this.#field.value, this.#field.selectionStart)
      if (number === this.#number) this.#show(answer)
    } catch {
      if (number === this.#number) this.close() // no line to the server: no list, and typing goes on
    }
  }

  #show(answer) {
    this.#answer = answer
    this.#isDeliberate = false
    const typed = this.#field.value.slice(answer.from, answer.to)
    const isDone = answer.items.length === 1 && answer.items[0].insert.trim() === typed
    this.#paintUsage(answer.usage)
    this.#list.replaceChildren(...answer.items.map(row))
    const isShown = answer.items.length > 0 && !isDone && document.activeElement === this.#field
    setHidden(this.#box, !isShown)
    if (isShown) this.#choose(0)
    this.#field.dispatchEvent(new CustomEvent("completed"))
  }

  #paintUsage(usage) {
    const args = usage?.args ?? []
    const at = args.findIndex((arg) => arg.active)
    const written = args.map((arg) => [
      " ",
      el(arg.active ? "b" : "span", "", arg.required ? arg.name : `[${arg.name}]`),
    ])
    this.#slots.usage.replaceChildren(usage?.name ?? "", ...written.flat())
    setHidden(this.#slots.usage.parentElement, !usage)
    setText(this.#slots.part, at < 0 ? "" : word("part", { at: at + 1, count: args.length }))
  }

  #choose(index) {
    this.#chosen = index
    for (const [each, item] of [...this.#list.children].entries()) {
      item.setAttribute("aria-selected", String(each === index))
      if (each === index) item.scrollIntoView({ block: "nearest" })
    }
    this.#field.setAttribute("aria-activedescendant", `option-${index}`)
  }

  #clicked(event) {
    const item = event.target.closest("[role=option]")
    if (item) this.#take([...this.#list.children].indexOf(item))
  }

  #take(index) {
    const item = this.#answer.items[index]
    const { text, caret } = accept(this.#field.value, this.#answer, item.insert)
    this.close()
    this.#field.focus()
    this.#field.value = text
    this.#field.setSelectionRange(caret, caret)
    this.#field.dispatchEvent(new InputEvent("input", { bubbles: true }))
    return true
  }
}

function row({ label, insert, hint, kind, blocked }, index) {
  const item = clone("complete")
  const into = slots(item)
  item.id = `option-${index}`
  into.icon.append(icon(ICONS[kind] ?? "right"))
  into.label.textContent = label ?? insert
  into.hint.textContent = hint ?? ""
  if (blocked) {
    item.setAttribute("aria-disabled", "true")
    into.blocked.classList.add("is-wait")
    into.blocked.append(icon("lock"), blocked)
  }
  return item
}
