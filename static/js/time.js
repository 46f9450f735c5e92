// Times in the reader's zone and language, and how long things took. Pure but for the one ticker at the end.

/** A duration: `3.2 s`, `48 s`, `1:52`, `1:02:03`. */
export function took(ms) {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  return clock(Math.round(seconds))
}

/** A duration that is still growing: whole seconds, so that it does not flicker. */
export function elapsed(ms) {
  return clock(Math.floor(Math.max(0, ms) / 1000))
}

function clock(whole) {
  if (whole < 60) return `${whole} s`
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (!parts[0]) parts.shift()
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":")
}

/** `10:02` in the reader's zone. */
export function hour(iso, language, timeZone) {
  return format(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone }).format(new Date(iso))
}

/** `10:02:59` in the reader's zone. */
export function second(iso, language, timeZone) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone }
  return format(language, options).format(new Date(iso))
}

/** The day of a moment in the reader's zone, as a key: `2026-11-27`. */
export function day(iso, timeZone) {
  return format("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone }).format(new Date(iso))
}

/** `Today`, `Yesterday`, a weekday of the last week, or a date. `words` gives the first two. */
export function dayName(iso, now, language, words, timeZone) {
  const key = day(iso, timeZone)
  if (key === day(now, timeZone)) return words.today
  const age = Math.round((Date.parse(day(now, timeZone)) - Date.parse(key)) / 86_400_000)
  if (age === 1) return words.yesterday
  if (age > 1 && age < 7) return format(language, { weekday: "long", timeZone }).format(new Date(iso))
  const isThisYear = key.slice(0, 4) === day(now, timeZone).slice(0, 4)
  const options = { day: "numeric", month: "long", ...(isThisYear ? {} : { year: "numeric" }), timeZone }
  return format(language, options).format(new Date(iso))
}

/** `Today 10:02`, `Tuesday 10:02`, `3 March 10:02`. */
export function moment(iso, now, language, words, timeZone) {
  return `${dayName(iso, now, language, words, timeZone)} ${hour(iso, language, timeZone)}`
}

const formats = new Map()
function format(language, options) {
  const key = language + JSON.stringify(options)
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language, options))
  return formats.get(key)
}

/** The server's clock as this page knows it: the offset is learnt from every `welcome` and `pong`. */
export class Clock {
  #offset = 0
  #held = null

  learn(serverNow) {
    const moment = typeof serverNow === "number" ? serverNow : Date.parse(serverNow)
    if (Number.isFinite(moment)) this.#offset = moment - Date.now()
  }

  /** What the page shows as now: the moment that is held, or the live one. */
  now() {
    return this.#held ?? this.live()
  }

  /** The server's clock, whatever the page shows. */
  live() {
    return Date.now() + this.#offset
  }

  /** Show a past moment as now; null: go on. */
  hold(ms) {
    this.#held = ms
  }
}
