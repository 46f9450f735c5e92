// How a status is drawn: a tone and an icon; the word comes from words.js. Mirrors chatops/templatetags/looks.py.

const LOOKS = {
  planning: ["run", "running"],
  awaiting_confirmation: ["wait", "approval"],
  awaiting_approval: ["wait", "approval"],
  scheduled: ["mute", "waiting"],
  queued: ["mute", "waiting"],
  running: ["run", "running"],
  paused: ["wait", "pause"],
  verifying: ["run", "eye"],
  cancelling: ["run", "running"],
  rolling_back: ["run", "rollback"],
  succeeded: ["ok", "check"],
  failed: ["bad", "cross"],
  cancelled: ["mute", "slash"],
  rejected: ["mute", "cross"],
  expired: ["mute", "timeout"],
  rolled_back: ["bad", "rollback"],
  pending: ["mute", "waiting"],
  skipped: ["mute", "skip"],
  timed_out: ["bad", "timeout"],
  lost: ["wait", "lost"],
}

/** `{tone, icon, spin}`; `spin` is the extra class of a turning ring. */
export function look(status) {
  const [tone, icon] = LOOKS[status] ?? ["mute", "info"]
  return { tone, icon, spin: icon === "running" ? "icon--spin" : "" }
}

export const STATUSES = LOOKS
