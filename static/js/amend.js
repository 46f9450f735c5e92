// What becomes of an event when its message was changed or taken back, or when what it quotes was. Pure.

/** Kinds of events that change an earlier one, and have no row of their own. */
export const CHANGES = new Set(["message.edited", "message.deleted"])

/** `event` after `change` happened; the same object when it is not concerned. Once or twice is the same. */
export function amended(event, change) {
  const id = change.d?.id
  if (!event?.d || id === undefined) return event
  const text = change.k === "message.deleted" ? "" : change.d.text
  if (event.d.id === id && event.k === "message") return { ...event, d: said(event.d, change, text) }
  if (event.d.reply?.id === id) return { ...event, d: { ...event.d, reply: { ...event.d.reply, text } } }
  return event
}

function said(d, { k, at }, text) {
  return k === "message.deleted" ? { ...d, text, deleted: true } : { ...d, text, edited: at }
}
