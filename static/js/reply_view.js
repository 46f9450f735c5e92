// The bot's answers: a sentence, and under it a table whose cells know what they are. The words are the reader's.

import { el, icon } from "./dom.js"
import { look } from "./status.js"
import { hasPhrase, phrase, valueText, word } from "./words.js"

/** A longer text in a cell may be broken. */
const LONG = 36

/** The nodes of an answer. `context.urls.deploymentPage(number)` is where `#42` leads. */
export function renderReply(code, params, context) {
  const sentence = hasPhrase(code) ? phrase(code, params) : code
  const nodes = sentence ? [el("p", "", ...sentenceNodes(sentence))] : []
  if (params.table?.rows?.length) nodes.push(table(params.table, context))
  return nodes
}

// A command inside a sentence looks like one, and an address of this site leads there.
function sentenceNodes(sentence) {
  return sentence
    .split(/((?<![\w/[])\/[a-z]+\b(?!\/)|https?:\/\/[^\s<>"“”]*[^\s<>"“”.,;:!?])/u)
    .filter(Boolean)
    .map((part) => (/^\/[a-z]+$/u.test(part) ? el("code", "", part) : isOurs(part) ? address(part) : part))
}

function isOurs(text) {
  return text.startsWith(`${location.origin}/`)
}

function address(url) {
  return Object.assign(el("a", "link", url.slice(location.origin.length)), { href: url })
}

// One row is a list of facts; more are a table. A column without any value is left out.
function table({ head, rows }, context) {
  const columns = head.map((_, index) => index).filter((index) => rows.some((row) => valueText(row[index]) !== ""))
  if (rows.length === 1) return facts(head, rows[0], columns, context)
  const heads = columns.map((index) => Object.assign(el("th", "", phrase(head[index])), { scope: "col" }))
  const body = rows.map((row) => el("tr", "", ...columns.map((index, at) => dataCell(row[index], at === 0, context))))
  const made = el("table", "answer__table", el("thead", "", el("tr", "", ...heads)), el("tbody", "", ...body))
  const scroll = el("div", "answer", made)
  scroll.tabIndex = 0
  scroll.role = "group"
  scroll.ariaLabel = columns.map((index) => phrase(head[index])).join(", ")
  return scroll
}

function facts(head, row, columns, context) {
  const list = el("dl", "facts")
  for (const index of columns) list.append(el("dt", "", phrase(head[index])), el("dd", "", cell(row[index], context)))
  return list
}

function dataCell(value, isFirst, context) {
  const isLong = valueText(value).length > LONG
  if (!isFirst) return el("td", isLong ? "is-long" : "", cell(value, context))
  return Object.assign(el("th", "", cell(value, context)), { scope: "row" })
}

/** One value as a node. */
function cell(value, context) {
  if (typeof value === "string" && value.startsWith("/")) return pressable(value)
  if (value === null || typeof value !== "object" || Array.isArray(value)) return valueText(value)
  if ("revision" in value)
    return value.revision ? Object.assign(el("code", "rev", valueText(value)), { title: value.revision }) : ""
  if ("status" in value) return status(value.status)
  if ("deployment" in value) return deployment(value.deployment, context)
  if ("at" in value) return value.at ? Object.assign(el("time", "", valueText(value)), { dateTime: value.at }) : ""
  if ("line" in value) return pressable(value.line)
  if (value.code?.startsWith("usage.")) return pressable(valueText(value), `/${value.code.slice("usage.".length)} `)
  return valueText(value)
}

function status(name) {
  const { tone, icon: glyph } = look(name) // an answer says what was: nothing turns in it
  return el("span", `status is-${tone}`, icon(glyph), word(`status.${name}`))
}

function deployment(number, context) {
  const link = el("a", "link", `#${number}`)
  link.href = context.urls.deploymentPage(number)
  link.dataset.action = "open-deployment"
  link.dataset.deployment = number
  return link
}

function pressable(text, line = text) {
  const button = el("button", "said said--try", text)
  button.type = "button"
  button.dataset.try = line
  return button
}
