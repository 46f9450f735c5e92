// A log line as runs of text with classes: colours and weights (SGR) are kept, every other escape is dropped.
// chatops/templatetags/looks.py `ansi` does the same for pages without script.

const SGR = /\u001b\[([0-9;:]*)m/g
// CSI of another kind, OSC and the string kinds up to their end, or one lone escape.
const OTHER =
  /\u001b(?:\[[0-?]*[ -/]*[@-ln-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|.)?/gs
// C0 but tab and escape, C1, and the marks that turn the reading direction.
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** `[{text, classes}]`: what stands on the line after the last carriage return. */
export function runs(line) {
  const text = line.replace(/\r+$/, "").split("\r").at(-1)
  const found = []
  const style = new Set()
  let at = 0
  for (const match of text.matchAll(SGR)) {
    push(found, text.slice(at, match.index), style)
    restyle(style, match[1])
    at = match.index + match[0].length
  }
  push(found, text.slice(at), style)
  return found
}

/** The line without any escape, as one searches it. */
export function plain(line) {
  return runs(line)
    .map((run) => run.text)
    .join("")
}

function push(found, raw, style) {
  const text = raw.replace(OTHER, "").replace(CONTROLS, "")
  if (text) found.push({ text, classes: [...style].sort() })
}

function restyle(style, codes) {
  const numbers = codes.replaceAll(":", ";").split(";").map(Number)
  for (let at = 0; at < numbers.length; at += 1) {
    const number = numbers[at]
    if (number === 38 || number === 48) {
      const isIndexed = numbers[at + 1] === 5
      if (number === 38 && isIndexed && numbers[at + 2] < 16) colour(style, numbers[at + 2] % 8)
      at += isIndexed ? 2 : numbers[at + 1] === 2 ? 4 : 0
    } else if (number === 0) style.clear()
    else if (number >= 1 && number <= 4) style.add(`a-${number}`)
    else if (number === 22) for (const name of ["a-1", "a-2"]) style.delete(name)
    else if (number === 23 || number === 24) style.delete(`a-${number - 20}`)
    else if (number === 39) colour(style, null)
    else if ((number >= 30 && number <= 37) || (number >= 90 && number <= 97)) colour(style, number % 10)
  }
}

function colour(style, index) {
  for (let each = 30; each <= 37; each += 1) style.delete(`a-${each}`)
  if (index !== null) style.add(`a-${30 + index}`)
}
