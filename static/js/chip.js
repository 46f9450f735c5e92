// A status as icon and word in one element; the three never travel apart.

import { el, setIcon, setText, setTone } from "./dom.js"
import { look } from "./status.js"
import { word } from "./words.js"

export function paintChip(element, status) {
  const { tone, icon, spin } = look(status)
  if (element.childElementCount < 2) element.replaceChildren(el("span"), el("span"))
  setTone(element, tone)
  setIcon(element.firstElementChild, icon, spin)
  setText(element.lastElementChild, word(`status.${status}`))
}
