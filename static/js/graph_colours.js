// The colours and the face of the theme as a canvas takes them. Custom properties come back unresolved, so small probe
// elements are asked what they would be painted with.

import { el } from "./dom.js"

const TONES = ["run", "ok", "bad", "wait", "mute"]

/** `{run: {ink, soft, border, link}, …, text, text2, surface, accent, sans}` as they are now. */
export function readColours(host) {
  const probe = el("i", "graph__probe")
  probe.setAttribute("aria-hidden", "true")
  host.append(probe)
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const of = (name) => solid(getComputedStyle(probe)[name], brush)
  const colours = {}
  for (const tone of TONES) {
    probe.className = `graph__probe is-${tone}`
    colours[tone] = {
      ink: of("color"),
      soft: of("backgroundColor"),
      border: of("borderTopColor"),
      link: of("outlineColor"),
    }
  }
  probe.className = "graph__probe graph__probe--text"
  Object.assign(colours, {
    text: of("color"),
    surface: of("backgroundColor"),
    text2: of("borderTopColor"),
    accent: of("outlineColor"),
  })
  colours.sans = getComputedStyle(probe).fontFamily
  probe.remove()
  return colours
}

// Whatever notation the browser keeps, painted once and read back.
function solid(colour, brush) {
  brush.clearRect(0, 0, 1, 1)
  brush.fillStyle = colour
  brush.fillRect(0, 0, 1, 1)
  const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data
  return alpha === 255 ? `rgb(${red},${green},${blue})` : `rgba(${red},${green},${blue},${(alpha / 255).toFixed(3)})`
}
