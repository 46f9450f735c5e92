// What the fragment of a room's address says: nothing, the list of rooms, or a deployment with a step and a line.
// `#rooms`, `#deployment-5`, `#deployment-5/restart:web-1/L88`, `#e1042` for an event of the room, and
// `#say=/cancel%20%235` for a line to look at. Pure.

/** Null for a fragment that is somebody else's, such as a link to the field. */
export function parse(hash) {
  if (["", "#"].includes(hash)) return { pane: "room" }
  if (hash === "#rooms") return { pane: "rooms" }
  if (hash.startsWith("#say=")) return { pane: "room", say: decoded(hash.slice("#say=".length)) }
  const event = /^#e([1-9]\d{0,15})$/.exec(hash)
  if (event) return { pane: "room", event: Number(event[1]) }
  const match = /^#deployment-([1-9]\d{0,8})(?:\/([^/]+)(?:\/L(\d+))?)?$/.exec(hash)
  if (!match) return null
  const step = match[2] ? decoded(match[2]) : null
  return { pane: "deployment", deployment: Number(match[1]), step, line: match[3] ? Number(match[3]) : null }
}

export function format({ pane, deployment, step = null, line = null }) {
  if (pane === "rooms") return "#rooms"
  if (pane !== "deployment") return "#"
  const place = step ? `/${encodeURIComponent(step).replaceAll("%3A", ":")}${line ? `/L${line}` : ""}` : ""
  return `#deployment-${deployment}${place}`
}

/** A part of an address as text; as it stands where somebody cut it in the middle of a character. */
export function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
