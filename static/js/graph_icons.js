// The sprite's icons as one path string each, in the 16 grid.

/** The path of an icon in the page's sprite, circles written as arcs; "" when there is no such icon. */
export function iconPath(name) {
  const symbol = document.getElementById(`i-${name}`)
  if (!symbol) return ""
  return [...symbol.children]
    .map((shape) => (shape.tagName === "circle" ? circle(shape) : spaced(shape.getAttribute("d"))))
    .join(" ")
}

function circle(shape) {
  const [cx, cy, r] = ["cx", "cy", "r"].map((name) => Number(shape.getAttribute(name)))
  return `M ${cx - r} ${cy} A ${r} ${r} 0 1 1 ${cx + r} ${cy} A ${r} ${r} 0 1 1 ${cx - r} ${cy}`
}

/** A path with every command and number on its own: `M3 8.5-2` → `M 3 8.5 -2`. */
export function spaced(path) {
  return (path.match(/[a-z]|-?(?:\d+\.?\d*|\.\d+)/gi) ?? []).join(" ")
}
