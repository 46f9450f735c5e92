// Where the nodes of a deployment's graph stand. Two templates: `panel` (small, beside the talk) and `page` (cards).
// Sizes come from the width there is, so that nothing is ever scaled and text stays sharp. Pure.

import { fold } from "./graph_fold.js"

/** Up to so many servers have a node each; above, they are in at most so many batches that open on a press. */
export const MOST_SERVERS = 40
export const MOST_BATCHES = 12
/** The evaluation mark of the graph library stands top left; no node may lie under it. */
const MARK_PX = 92
/** A tile, and the space to the next. */
const TILE_PX = 18
const TILE_GAP_PX = 4
/** Between the servers of two batches. */
const TURN_PX = 12
/** Into an open batch the links run along its left edge, so far inside it. */
export const ALONG_PX = 6

/**
 * `{width, height, boxes, links, captions}` for the nodes of `chatops/room/graph.py`.
 *
 * A box is `{key, category, x, y, w, h, node, members?}`: `head`, `server`, `health` or `batch` (with the keys of the
 * nodes it stands for). A link is `{key, from, to}`. `open` is the key of the batch that is open. `turns` are the names
 * of the servers that switch together, batch by batch: those stand together, in that order. `view` is `batches` or
 * `tiles`, which shows each of very many servers as a small square.
 */
export function layOut(nodes, { width, template = "panel", open = null, turns = [], view = "batches" }) {
  if (view === "tiles" && isLarge(nodes)) return layTiles(nodes, { width, template, turns })
  const sizes = template === "page" ? pageSizes(width, headsOf(nodes).length) : panelSizes(width, headsOf(nodes).length)
  const rows = rowsOf(inTurn(nodes, turns), open, turns)
  const heads = headsOf(nodes)
  const pitch = sizes.pitch(rows.length)
  const yOf = (row, index) => index * pitch + row.gaps * TURN_PX
  const block = rows.length ? yOf(rows.at(-1), rows.length - 1) + sizes.server.h : 0
  const centre = Math.max(sizes.top + block / 2, MARK_PX + sizes.head.h / 2)
  const top = centre - block / 2
  const boxes = [
    ...headBoxes(heads, sizes, centre),
    ...rows.flatMap((row, index) => rowBoxes(row, sizes, top + yOf(row, index))),
  ]
  const below = centre + sizes.head.h / 2 + sizes.below
  return {
    width: sizes.width,
    height: Math.ceil(Math.max(below, top + block) + sizes.bottom),
    boxes,
    links: linksOf(boxes),
    captions: template === "panel" && rows.length ? captions(sizes, top) : [],
  }
}

/** Whether there are too many servers for a node each. */
export function isLarge(nodes) {
  return nodes.filter((node) => node.kind === "server").length > MOST_SERVERS
}

// The steps before the servers in a row, below them a square per server, batch by batch.
function layTiles(nodes, { width, template, turns }) {
  const heads = headsOf(nodes)
  const sizes = template === "page" ? pageSizes(width, heads.length) : panelSizes(width, heads.length)
  const left = sizes.left
  const pitch = TILE_PX + TILE_GAP_PX
  const across = Math.max(1, Math.floor((width - 2 * left + TILE_GAP_PX) / pitch))
  const centre = MARK_PX + sizes.head.h / 2
  let top = centre + sizes.head.h / 2 + sizes.below + TURN_PX
  const tiles = []
  for (const { members } of batchesOf(inTurn(nodes, turns), turns)) {
    members.forEach((node, at) => {
      const x = left + (at % across) * pitch
      const y = top + Math.floor(at / across) * pitch
      tiles.push({ key: node.key, category: "tile", x, y, w: TILE_PX, h: TILE_PX, node })
    })
    top += Math.ceil(members.length / across) * pitch + TURN_PX / 2
  }
  const boxes = [...headBoxes(heads, sizes, centre), ...tiles]
  const height = Math.ceil(top + sizes.bottom)
  return { width, height, boxes, links: linksOf(boxes), captions: [] }
}

/** The servers of a graph in the batches they switch in, else in some of equal size; none when each may stand alone. */
export function batchesOf(nodes, turns = []) {
  const servers = nodes.filter((node) => node.kind === "server")
  if (servers.length <= MOST_SERVERS) return []
  const isReal = turns.length > 1 && turns.length <= MOST_BATCHES
  const cuts = isReal ? turns.map((names) => servers.filter((node) => names.includes(node.text))) : equally(servers)
  return cuts
    .filter((members) => members.length)
    .map((members, at) => {
      const [{ text }, last] = [members[0], members.at(-1)]
      const named = members.length === 1 ? { text, short: text } : fromTo(text, last.text)
      return { key: `batch:${at}`, kind: "batch", ...named, parent: members[0].parent, members }
    })
}

// `web-1 – 20`, and `1 – 20` where there is hardly any room: what both names begin with is said once, or not.
function fromTo(first, last) {
  const [, stem, number] = /^(.+?)([0-9]+)$/.exec(first) ?? []
  const rest = stem && last.startsWith(stem) ? last.slice(stem.length) : ""
  if (!/^[0-9]+$/.test(rest)) return { text: `${first} – ${last}`, short: `${first} – ${last}` }
  return { text: `${first} – ${rest}`, short: `${number} – ${rest}` }
}

function equally(servers) {
  const size = Math.ceil(servers.length / MOST_BATCHES)
  return Array.from({ length: Math.ceil(servers.length / size) }, (_, at) => servers.slice(at * size, (at + 1) * size))
}

/** The nodes with servers in the order in which they switch. */
function inTurn(nodes, turns) {
  const place = new Map(turns.flat().map((name, at) => [name, at]))
  const placeOf = (node) => (node.kind === "server" ? (place.get(node.text) ?? -1) : -1)
  return nodes.toSorted((one, other) => placeOf(one) - placeOf(other))
}

/** For each batch the nodes that speak for it: its servers and their health. */
export function ownOf(batches, nodes) {
  const health = new Map(nodes.filter((node) => node.kind === "health").map((node) => [node.parent, node]))
  return new Map(
    batches.map((batch) => [
      batch.key,
      batch.members.map((node) => [node, health.get(node.key)].filter(Boolean)),
    ]),
  )
}

/** A batch as its servers make it: the loudest of their statuses, and how many are done. `own` is that of `ownOf`. */
export function batchState(own, statusOf) {
  const found = own.map((nodes) => nodes.map(statusOf))
  // A check that an app does not have is skipped; a server that was not reached is skipped itself.
  const done = found.filter(([server, health = "succeeded"]) => {
    return server === "succeeded" && ["succeeded", "skipped"].includes(health)
  }).length
  return { status: fold(found.flat()), done }
}

function headsOf(nodes) {
  return nodes.filter((node) => node.kind !== "server" && node.kind !== "health")
}

/** A row has `gaps`: how many gaps between batches stand above it. */
function rowsOf(nodes, open, turns) {
  const health = new Map(nodes.filter((node) => node.kind === "health").map((node) => [node.parent, node]))
  const isApart = turns.some((names) => names.length > 1) // one after the other, nothing groups them
  const turnOf = new Map(isApart ? turns.flatMap((names, at) => names.map((name) => [name, at])) : [])
  const batches = batchesOf(nodes, turns)
  const serverRow = (node, isMember) => ({
    type: "server",
    node,
    health: health.get(node.key),
    isMember,
    gaps: batches.length ? 0 : (turnOf.get(node.text) ?? 0),
  })
  if (!batches.length) return nodes.filter((node) => node.kind === "server").map((node) => serverRow(node, false))
  return batches.flatMap((batch) => {
    const members = batch.key === open ? batch.members.map((node) => ({ ...serverRow(node, true), batch })) : []
    return [{ type: "batch", node: batch, gaps: 0 }, ...members]
  })
}

function headBoxes(heads, { left, head, gap }, centre) {
  return heads.map((node, index) => ({
    key: node.key,
    category: "head",
    x: left + index * (head.w + gap),
    y: centre - head.h / 2,
    ...head,
    node,
  }))
}

function rowBoxes(row, { server, health, serverX, healthX, indent }, y) {
  if (row.type === "batch") {
    return [
      {
        key: row.node.key,
        category: "batch",
        x: serverX,
        y,
        w: healthX + health.w - serverX,
        h: server.h,
        node: row.node,
      },
    ]
  }
  const inset = row.isMember ? indent : 0
  const parent = row.isMember ? row.batch.key : row.node.parent
  const box = {
    key: row.node.key,
    category: "server",
    x: serverX + inset,
    y,
    w: server.w - inset,
    h: server.h,
    node: row.node,
    parent,
  }
  if (!row.health) return [box]
  return [box, { key: row.health.key, category: "health", x: healthX, y, ...health, node: row.health }]
}

// `half` is where a link bends: midway, so that all links of a node share one trunk.
function linksOf(boxes) {
  const byKey = new Map(boxes.map((box) => [box.key, box]))
  return boxes.flatMap((box) => {
    const from = box.category === "tile" ? null : byKey.get(box.parent ?? box.node.parent)
    if (!from) return []
    const isInside = from.category === "batch"
    const half = isInside ? box.x - from.x - ALONG_PX : (box.x - from.x - from.w) / 2
    return [{ key: `to ${box.key}`, from: from.key, to: box.key, isInside, half }]
  })
}

function captions({ serverX, healthX }, top) {
  return [
    { key: "caption servers", word: "servers_named", x: serverX, y: top - 18 },
    { key: "caption health", word: "health_named", x: healthX, y: top - 18 },
  ]
}

function panelSizes(width, count) {
  const head = { w: 34, h: 34 }
  const health = { w: 34, h: 24 }
  const left = 12
  const right = 12
  const spare = width - left - right - count * head.w - health.w
  const gap = count > 1 ? clamp((spare - 130) / (count + 3), 12, 24) : 24
  const serverX = left + count * head.w + (count - 1) * gap + clamp(gap * 1.6, 19, 39)
  const serverW = clamp(width - right - health.w - clamp(gap, 14, 22) - serverX, 72, 190)
  const healthX = serverX + serverW + clamp(gap, 14, 22)
  return {
    width: healthX + health.w + right,
    left,
    gap,
    head,
    health,
    server: { w: serverW, h: 24 },
    serverX,
    healthX,
    indent: 12,
    top: 22,
    below: 32,
    bottom: 8,
    pitch: (rows) => (rows <= 4 ? 40 : rows <= 10 ? 33 : 29),
  }
}

function pageSizes(width, count) {
  const left = 20
  const right = 20
  const gap = clamp((width - 640) / 14, 12, 22)
  const bend = gap * 2
  const units = count + 1.23 + 0.94
  const unit = clamp((width - left - right - (count - 1) * gap - bend - gap) / units, 82, 112)
  const head = { w: Math.round(unit), h: 40 }
  const server = { w: Math.round(unit * 1.23), h: 40 }
  const health = { w: Math.round(unit * 0.94), h: 40 }
  const serverX = left + count * head.w + (count - 1) * gap + bend
  const healthX = serverX + server.w + gap
  return {
    width: healthX + health.w + right,
    left,
    gap,
    head,
    health,
    server,
    serverX,
    healthX,
    indent: 14,
    top: 20,
    below: 0,
    bottom: 20,
    pitch: () => 50,
  }
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value))
}
