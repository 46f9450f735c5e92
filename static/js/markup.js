// Chat text as tokens: code, fences, bold, italics, struck out, links, mentions, deployments and moments of them
// (`#42`, `#42@13:04:07`). Never HTML.

const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g
const FENCE = /^```[^\n`]*\n([\s\S]*?)\n?```[ \t]*$/m
const INLINE =
  /(?<code>`[^`\n]+`)|(?<bold>\*\*(?=\S)[^*\n]+?(?<=\S)\*\*)|(?<struck>~~(?=\S)[^~\n]+?(?<=\S)~~)|(?<![\w*])(?<italic>\*(?=\S)[^*\n]+?(?<=\S)\*)(?![\w*])|(?<link>\bhttps?:\/\/[^\s<>"'`]+)|(?<![\w@/])@(?<mention>[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)|(?<![\w&#/])#(?<number>\d{1,9})(?:@(?<moment>(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?))?\b/giu
/** A call as chatops/room/calls.py finds it; a sentence's full stop is not part of the name. */
const CALL = /(?<![\w@/])@([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)/giu
const TRAILING = /[.,;:!?)\]}’”，。；：！？）】]+$/u

/** Blocks in order: `{type: "text", tokens}` or `{type: "fence", text}`. */
export function blocks(source) {
  const text = source.replace(HIDDEN, "")
  const found = []
  let rest = text
  for (let match; (match = FENCE.exec(rest));) {
    pushText(found, rest.slice(0, match.index))
    found.push({ type: "fence", text: match[1] })
    rest = rest.slice(match.index + match[0].length)
  }
  pushText(found, rest)
  return found
}

/** One line or paragraph as tokens: `{type, text, href?, name?, number?, moment?}`. */
export function tokens(text) {
  const found = []
  let at = 0
  for (const match of text.matchAll(INLINE)) {
    if (match.index < at) continue
    const [token, length] = tokenOf(match)
    if (!token) continue
    if (match.index > at) found.push({ type: "text", text: text.slice(at, match.index) })
    found.push(token)
    at = match.index + length
  }
  if (at < text.length) found.push({ type: "text", text: text.slice(at) })
  return found
}

/** Who is called by name in a text, in lower case; code calls nobody. */
export function mentions(source) {
  return blocks(source)
    .flatMap((block) => block.tokens ?? [])
    .filter((token) => token.type !== "code")
    .flatMap((token) => [...token.text.matchAll(CALL)].map(([, name]) => name.toLowerCase()))
}

function pushText(found, text) {
  const trimmed = text.replace(/^\n+|\n+$/g, "")
  if (trimmed) found.push({ type: "text", tokens: tokens(trimmed) })
}

function tokenOf(match) {
  const whole = match[0]
  const { code, bold, struck, italic, link, mention, number, moment } = match.groups
  if (code) return [{ type: "code", text: code.slice(1, -1) }, whole.length]
  if (bold) return [{ type: "bold", text: bold.slice(2, -2) }, whole.length]
  if (struck) return [{ type: "struck", text: struck.slice(2, -2) }, whole.length]
  if (italic) return [{ type: "italic", text: italic.slice(1, -1) }, whole.length]
  if (link) return linkOf(link)
  if (mention) return [{ type: "mention", text: whole, name: mention.toLowerCase() }, whole.length]
  return [{ type: "number", text: whole, number: Number(number), moment: moment ?? "" }, whole.length]
}

function linkOf(raw) {
  const text = raw.replace(TRAILING, (tail) => (tail.startsWith(")") && raw.includes("(") ? ")" : ""))
  if (!URL.canParse(text)) return [null, 0]
  return [{ type: "link", text, href: new URL(text).href }, text.length]
}
