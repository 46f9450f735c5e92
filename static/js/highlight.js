// Found text in a log, marked without touching its nodes: the browser paints ranges (`::highlight` in log.css).

/** Mark `text` in the rows of these lists, and more strongly in the row `here`. */
export function highlight(lists, text, here) {
  const registry = globalThis.CSS?.highlights
  if (!registry) return
  registry.delete("found")
  registry.delete("found-here")
  if (!text) return
  const all = new Highlight()
  const one = new Highlight()
  for (const list of lists)
    for (const row of list.children)
      for (const range of ranges(row.querySelector("samp"), text.toLowerCase())) (row === here ? one : all).add(range)
  one.priority = 1
  registry.set("found", all)
  registry.set("found-here", one)
}

function* ranges(element, wanted) {
  const whole = element.textContent.toLowerCase()
  for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + wanted.length)) {
    const range = document.createRange()
    range.setStart(...place(element, at))
    range.setEnd(...place(element, at + wanted.length))
    yield range
  }
}

/** The text node and offset of a character of an element. */
function place(element, offset) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  let left = offset
  let node = walker.nextNode()
  while (node && left > node.length) {
    left -= node.length
    node = walker.nextNode()
  }
  return node ? [node, left] : [element, element.childNodes.length]
}
