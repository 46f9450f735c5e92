// The page's words in the reader's language: from the template `words`, and the bot's phrases by code.

import { moment } from "./time.js"

export const language = globalThis.document?.documentElement.lang || "en"

const found = new Map()
let phrases = {}
let rules = null

export function readWords(root = document) {
  for (const each of root.getElementById("words").content.querySelectorAll("data")) {
    found.set(each.value, each.textContent)
  }
}

/** The bot's catalogue: code → sentence with `%(name)s` places. */
export function usePhrases(catalogue) {
  phrases = catalogue ?? {}
}

/** A word with its `{name}` places filled. */
export function word(key, params = {}) {
  return fill(found.get(key) ?? key, params)
}

/** A word that depends on a number: `key.one`, `key.other`. */
export function plural(key, count, params = {}) {
  rules ??= new Intl.PluralRules(language)
  const form = rules.select(count)
  const known = [`${key}.${form}`, `${key}.other`, key].find((each) => found.has(each)) ?? key
  return word(known, { count, ...params })
}

/** Several names as a language lists them: `web-1, web-2 and 3 more`. */
export function list(names, most = 2) {
  const shown = names.length > most + 1 ? [...names.slice(0, most), plural("and_more", names.length - most)] : names
  return new Intl.ListFormat(language, { type: "conjunction" }).format(shown)
}

/** A share as a language writes it: `43%`. */
export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent" }).format(share)
}

export function hasPhrase(code) {
  return code in phrases
}

/** The bot's sentence for a code, or the code itself when this page is older than the server. */
export function phrase(code, params = {}) {
  return fill(spoken(phrases[code] ?? code, params), params)
}

// `[[ … ]]` is said only when all its places are filled.
function spoken(sentence, params) {
  const isFilled = ([, name]) => (params[name] ?? "") !== "" && params[name].length !== 0
  return sentence.replace(/\[\[(.*?)\]\]/g, (_, part) =>
    [...part.matchAll(/%\((\w+)\)s/g)].every(isFilled) ? part : "",
  )
}

/** Fill `{name}` and `%(name)s`; `%%` is one percent sign. A missing value leaves its name, so that it is seen. */
export function fill(sentence, params) {
  return sentence.replace(/%%|%\((\w+)\)[sd]|\{(\w+)\}/g, (whole, percent, brace) => {
    if (whole === "%%") return "%"
    const name = percent ?? brace
    if (!(name in params)) return whole
    const value = params[name]
    return valueText(name === "servers" && Array.isArray(value) ? inRuns(value) : value)
  })
}

const NUMBERED = /^(.*?)(0|[1-9][0-9]{0,8})$/s
/** So many names in a row are told by the first and the last. */
const RUN = 3

/** Names in their order; three or more that only count up are one: web-1 – web-3. As in bot/phrases. */
export function inRuns(names) {
  const found = []
  let following = null
  for (const name of names) {
    if (found.length && name === following) found.at(-1).push(name)
    else found.push([name])
    const numbered = NUMBERED.exec(name)
    following = numbered && `${numbered[1]}${Number(numbered[2]) + 1}`
  }
  return found.flatMap((run) => (run.length >= RUN ? [`${run[0]} – ${run.at(-1)}`] : run))
}

/** A parameter as text: see bot/phrases. Objects name a phrase, a time, a status, a deployment, a revision or a line. */
export function valueText(value) {
  if (value === null || value === undefined) return ""
  if (Array.isArray(value)) return value.length ? value.map(valueText).join(phrases["list.separator"] ?? ", ") : "–"
  if (typeof value !== "object") return String(value)
  if ("code" in value) return phrase(value.code, value.params ?? {})
  if ("at" in value) return value.at ? moment(value.at, Date.now(), language, dayWords()) : ""
  if ("status" in value) return word(`status.${value.status}`)
  if ("deployment" in value) return `#${value.deployment}`
  if ("revision" in value) return String(value.revision).slice(0, 7)
  if ("line" in value) return String(value.line)
  const named = Object.entries(value).map(([name, each]) => `${name || "?"}: ${valueText(each)}`)
  return named.join(phrases["list.separator"] ?? ", ")
}

/** The names of the days that have one. */
export function dayWords() {
  return { today: word("today"), yesterday: word("yesterday") }
}
