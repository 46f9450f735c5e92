// A page of paper: as much of a document as the parts of the page need that are tested without a browser. Import it
// before them. It lays nothing out; what is pressed or looked at, a test says.

class Sheet extends EventTarget {
  children = []
  parent = null
  dataset = {}
  hidden = false
  value = ""
  style = {}
  #attributes = new Map()

  constructor(tag = "div") {
    super()
    this.tagName = tag.toUpperCase()
  }

  get className() {
    return this.getAttribute("class") ?? ""
  }

  set className(text) {
    this.setAttribute("class", text)
  }

  get classList() {
    const names = () => new Set(this.className.split(" ").filter(Boolean))
    const write = (set) => (this.className = [...set].join(" "))
    return {
      contains: (name) => names().has(name),
      add: (...added) => write(new Set([...names(), ...added])),
      remove: (...gone) => write([...names()].filter((name) => !gone.includes(name))),
      toggle: (name, isOn = !names().has(name)) =>
        write(isOn ? new Set([...names(), name]) : [...names()].filter((each) => each !== name)),
    }
  }

  setAttribute(name, value) {
    if (name.startsWith("data-")) this.dataset[name.slice(5)] = value
    else this.#attributes.set(name, String(value))
  }

  getAttribute(name) {
    return (name.startsWith("data-") ? this.dataset[name.slice(5)] : this.#attributes.get(name)) ?? null
  }

  removeAttribute(name) {
    this.#attributes.delete(name)
  }

  get textContent() {
    return this.children.map((each) => (typeof each === "string" ? each : each.textContent)).join("")
  }

  set textContent(text) {
    this.replaceChildren(...(text ? [text] : []))
  }

  get isConnected() {
    return this === document.body || Boolean(this.parent?.isConnected)
  }

  get childNodes() {
    return this.children
  }

  get firstElementChild() {
    return this.children.find((each) => each instanceof Sheet) ?? null
  }

  get lastElementChild() {
    return this.children.findLast((each) => each instanceof Sheet) ?? null
  }

  append(...added) {
    for (const each of added) this.#put(each, this.children.length)
  }

  prepend(...added) {
    for (const [at, each] of added.entries()) this.#put(each, at)
  }

  before(other) {
    other.remove()
    this.parent.#put(other, this.parent.children.indexOf(this))
  }

  replaceChildren(...added) {
    for (const each of this.children) if (each instanceof Sheet) each.parent = null
    this.children = []
    this.append(...added)
  }

  replaceWith(other) {
    this.before(other)
    this.remove()
  }

  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((each) => each !== this)
    this.parent = null
  }

  #put(each, at) {
    if (each instanceof Sheet) {
      each.remove()
      each.parent = this
    }
    this.children.splice(Math.min(at, this.children.length), 0, each)
  }

  contains(other) {
    return other === this || (Boolean(other?.parent) && this.contains(other.parent))
  }

  /** `[data-x]`, `[x="y"]`, `.class` or a tag. */
  matches(selector) {
    const [, name, wanted] = /^\[([\w-]+)(?:="?([\w-]*)"?)?\]$/.exec(selector) ?? []
    if (!name) return selector.startsWith(".") ? this.classList.contains(selector.slice(1)) : this.tagName === selector.toUpperCase()
    const value = this.getAttribute(name)
    return value !== null && (wanted === undefined || value === wanted)
  }

  closest(selector) {
    return this.matches(selector) ? this : (this.parent?.closest(selector) ?? null)
  }

  querySelectorAll(selector) {
    const sheets = this.children.filter((each) => each instanceof Sheet)
    return sheets.flatMap((each) => [...(each.matches(selector) ? [each] : []), ...each.querySelectorAll(selector)])
  }

  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null
  }

  cloneNode() {
    const copy = new Sheet(this.tagName)
    for (const [name, value] of this.#attributes) copy.setAttribute(name, value)
    Object.assign(copy.dataset, this.dataset)
    copy.hidden = this.hidden
    copy.append(...this.children.map((each) => (typeof each === "string" ? each : each.cloneNode())))
    return copy
  }

  /** An event of this element, as all that hold it hear it. */
  tell(type, more = {}) {
    for (let at = this; at; at = at.parent) {
      const told = Object.assign(new Event(type), more)
      Object.defineProperty(told, "target", { value: this })
      at.dispatchEvent(told)
    }
  }

  focus() {
    document.activeElement = this
  }

  scrollIntoView() {}
  setSelectionRange() {}
  getBoundingClientRect() {
    return { top: 0, bottom: 0, left: 0, right: 0 }
  }
}

const page = new EventTarget()
const templates = new Map()

globalThis.document = Object.assign(page, {
  body: new Sheet("body"),
  documentElement: { lang: "en", dataset: {} },
  activeElement: null,
  title: "",
  visibilityState: "visible",
  createElement: (tag) => new Sheet(tag),
  createElementNS: (_, tag) => new Sheet(tag),
  getElementById: (id) => templates.get(id) ?? null,
  querySelector: (selector) => document.body.querySelector(selector),
  querySelectorAll: (selector) => document.body.querySelectorAll(selector),
})
globalThis.BroadcastChannel = undefined // node's own would keep it running
globalThis.ResizeObserver = class {
  observe() {}
}
globalThis.addEventListener ??= () => {}
globalThis.navigator ??= { onLine: true }
globalThis.sessionStorage = { getItem: () => null, setItem() {}, removeItem() {} }
globalThis.matchMedia = () => ({ matches: false, addEventListener() {} })

/** An element: `sheet("p", {class: "x", "data-slot": "text"}, …children)`. */
export function sheet(tag, attributes = {}, ...children) {
  const made = new Sheet(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** An element of a template or a part with these slots, each of them empty. */
export function withSlots(tag, ...names) {
  return sheet(tag, {}, ...names.map((name) => sheet("span", { "data-slot": name })))
}

/** Let `clone(name)` find a template. */
export function template(name, element) {
  templates.set(`tpl-${name}`, { content: sheet("template", {}, element) })
}

/** The page is looked at, or is not. */
export function look(isLooked) {
  document.visibilityState = isLooked ? "visible" : "hidden"
  document.dispatchEvent(new Event("visibilitychange"))
}
