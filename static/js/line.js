// What a typed line is, as far as the page must know. The server decides; this says how the field looks, and that a
// command must not wait.

/** Whether the line may run something: `/verb`, `.verb`, `!verb`, `@chatops verb`. Not `//text`, not ` /text`. */
export function isCommand(text) {
  return /^(?:\/(?!\/)|[.!](?=[a-z])|@?(?:chatops|hubot|shiproom)\b)/iu.test(text)
}

/** Whether the field becomes a console: the line starts with a slash. */
export function isConsole(text) {
  return /^\/(?!\/)/.test(text)
}

/** Whether a name that is called (`@al`) is being typed at the caret of a line of chat. */
export function calling(text, caret) {
  return /(?:^|[^\w@/])@[a-z0-9._-]*$/iu.test(text.slice(0, caret))
}

/** The line as it is sent; null when there is nothing to send. */
export function toSend(text) {
  const trimmed = text.replace(/\s+$/u, "")
  return trimmed.trim() ? trimmed : null
}

/** The parts of a console line: the verb, and the rest. */
export function parts(text) {
  const match = /^(\/\S*)([\s\S]*)$/.exec(text)
  return match ? { verb: match[1], rest: match[2] } : { verb: "", rest: text }
}

/** A completion put into the line: `{text, caret}`. */
export function accept(text, { from, to }, insert) {
  const tail = text.slice(to)
  const gap = insert.endsWith(" ") || tail.startsWith(" ") ? "" : " "
  const head = text.slice(0, from) + insert + gap
  return { text: head + tail, caret: head.length + (tail.startsWith(" ") ? 1 : 0) }
}
