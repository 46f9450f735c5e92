// Small hands for the page. Text goes in as text; nothing here takes HTML.

const SVG = "http://www.w3.org/2000/svg"

/** The one element of a cloned template. */
export function clone(name) {
  return document.getElementById(`tpl-${name}`).content.firstElementChild.cloneNode(true)
}

/** All that a template holds, as a fragment. */
export function cloneAll(name) {
  return document.getElementById(`tpl-${name}`).content.cloneNode(true)
}

/** The element that a name is kept for: `data-slot="name"`. */
export function slot(root, name) {
  return root.querySelector(`[data-slot="${name}"]`)
}

/** Every slot below `root` by name, looked up once; of two with one name the first, as `slot` finds it. */
export function slots(root) {
  const found = [...root.querySelectorAll("[data-slot]")].reverse()
  return Object.fromEntries(found.map((each) => [each.dataset.slot, each]))
}

/** Set text only where it differs: no needless layout, and a selection in it survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden
}

/** An element with a class and children (strings become text). */
export function el(tag, className = "", ...children) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

/** An icon of the sprite. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg")
  svg.setAttribute("class", extra ? `icon ${extra}` : "icon")
  svg.setAttribute("aria-hidden", "true")
  const use = document.createElementNS(SVG, "use")
  use.setAttribute("href", `#i-${name}`)
  svg.append(use)
  return svg
}

/** Put an icon into a slot, unless it is there already: a turning ring does not jump back. */
export function setIcon(element, name, extra = "") {
  const key = `${name} ${extra}`
  if (element.dataset.icon === key) return
  element.dataset.icon = key
  element.replaceChildren(icon(name, extra))
}

const TONES = ["is-run", "is-ok", "is-bad", "is-wait", "is-mute"]

/** One tone at a time. */
export function setTone(element, tone) {
  if (element.classList.contains(`is-${tone}`)) return
  element.classList.remove(...TONES)
  element.classList.add(`is-${tone}`)
}

/** The JSON of a `json_script` element, or null. */
export function json(id) {
  const element = document.getElementById(id)
  return element ? JSON.parse(element.textContent) : null
}

/** The token that lets this page write. */
export function csrf() {
  return document.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? ""
}
