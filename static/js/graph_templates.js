// How nodes and links are drawn. Everything has a fixed size, so that no change of state moves anything.

import { ALONG_PX } from "./graph_layout.js"

const DASHES = [3, 3]
const LINK_DASHES = [3, 4]

/** Give a diagram its templates; `colours()` is the theme now, `press(data)` hears of a pressed node. */
export function templates(go, diagram, { colours, press, icon }) {
  const icons = new Map()
  const geometry = (name) => {
    if (!icons.has(name)) icons.set(name, parse(go, icon(name)))
    return icons.get(name)
  }
  const tools = { go, colours, press, geometry }
  const nodes = {
    "panel-head": panelHead(tools),
    "panel-server": chip(tools),
    "panel-batch": chip(tools),
    "panel-health": square(tools),
    "page-head": pageCard(tools),
    "page-server": pageCard(tools),
    "page-batch": pageCard(tools),
    "page-health": pageCard(tools),
    "panel-tile": tile(tools),
    "page-tile": tile(tools),
    caption: caption(tools),
  }
  for (const [name, template] of Object.entries(nodes)) diagram.nodeTemplateMap.set(name, template)
  diagram.linkTemplate = link(tools)
  diagram.commandHandler.focusBox = noFocusBox(tools)
}

// A server among very many: its tone, its icon, and its name when one points at it.
function tile(tools) {
  const made = node(tools, body(tools, 4), ring(tools, 4), glyph(tools, 10, ({ w }) => ({ x: (w - 10) / 2, y: (w - 10) / 2 })))
  made.mouseEnter = (_event, { data, diagram }) => (diagram.div.title = `${data.title}: ${data.word}`)
  made.mouseLeave = (_event, { diagram }) => (diagram.div.title = "")
  return made
}

// An icon keeps its place in the 16 grid: what normalising moved is added to its position.
function parse(go, path) {
  const parsed = go.Geometry.parse(path)
  const moved = parsed.normalize()
  return { geometry: parsed, x: -moved.x, y: -moved.y }
}

function node({ go, press }, ...parts) {
  const made = new go.Node(go.Panel.Position, {
    locationSpot: go.Spot.TopLeft,
    locationObjectName: "BODY",
    selectable: false,
    cursor: "pointer",
    click: (_event, pressed) => press(pressed.data),
  })
  made.bind("location", "", ({ x, y }) => new go.Point(x, y))
  return made.add(...parts)
}

function body({ go, colours }, radius) {
  const shape = new go.Shape("RoundedRectangle", {
    name: "BODY",
    portId: "",
    fromSpot: go.Spot.Right,
    toSpot: go.Spot.Left,
    parameter1: radius,
    position: new go.Point(0, 0),
  })
  return shape
    .bind("desiredSize", "", ({ w, h, tone }) => new go.Size(w - border(tone), h - border(tone)))
    .bind("fill", "", (data) => (data.isDashed ? colours().surface : colours()[data.tone].soft))
    .bind("stroke", "", (data) => colours()[data.tone].border)
    .bind("strokeWidth", "tone", border)
    .bind("strokeDashArray", "isDashed", (isDashed) => (isDashed ? DASHES : null))
}

// A border grows inwards: the outside of a node never moves.
function border(tone) {
  return { run: 2, bad: 2.25 }[tone] ?? 1.25
}

// The ring around what is picked, and what the keyboard is at.
function ring({ go, colours }, radius) {
  const shape = new go.Shape("RoundedRectangle", {
    fill: null,
    strokeWidth: 2,
    parameter1: radius + 3,
    position: new go.Point(-4, -4),
    isGeometryPositioned: true,
  })
  return shape
    .bind("desiredSize", "", ({ w, h }) => new go.Size(w + 6, h + 6))
    .bind("stroke", "", ({ isPicked, isFocused }) => {
      if (isFocused) return colours().text
      return isPicked ? colours().accent : "transparent"
    })
}

function glyph({ go, colours, geometry }, size, place) {
  const scale = size / 16
  const shape = new go.Shape({
    fill: null,
    strokeWidth: 1.6 / scale,
    strokeCap: "round",
    strokeJoin: "round",
    scale,
    isGeometryPositioned: true,
  })
  return shape
    .bind("geometry", "icon", (name) => geometry(name).geometry)
    .bind("position", "", (data) => {
      const { x, y } = place(data)
      const moved = geometry(data.icon)
      return new go.Point(x + moved.x * scale, y + moved.y * scale)
    })
    .bind("stroke", "", (data) => colours()[data.tone].ink)
}

function text({ go, colours }, { font, colour, place, width, align = "left", say = (data) => data.text }) {
  const block = new go.TextBlock({
    maxLines: 1,
    overflow: go.TextOverflow.Ellipsis,
    wrap: go.Wrap.None,
    textAlign: align,
  })
  return block
    .bind("text", "", say)
    .bind("width", "", width)
    .bind("position", "", (data) => {
      const { x, y } = place(data)
      return new go.Point(x, y)
    })
    .bind("font", "", (data) => font(data, colours()))
    .bind("stroke", "", (data) => colour(data, colours()))
}

const strong =
  (size) =>
  (data, { sans }) =>
    `${data.isDashed ? 500 : 600} ${size}px ${sans}`
const plain =
  (size) =>
  (_data, { sans }) =>
    `400 ${size}px ${sans}`
const mono =
  (size) =>
  (_data, { mono: face }) =>
    `400 ${size}px ${face}`
const ink = (data, colours) => colours[data.tone].ink
const name = (data, colours) => (data.isDashed ? colours.text2 : colours.text)

function panelHead(tools) {
  const under = ({ w }) => -((84 - w) / 2)
  return node(
    tools,
    body(tools, 9),
    ring(tools, 9),
    glyph(tools, 16, ({ w, h }) => ({ x: w / 2 - 8, y: h / 2 - 8 })),
    text(tools, {
      font: strong(11),
      colour: name,
      width: () => 84,
      align: "center",
      place: (data) => ({ x: under(data), y: data.h + 5 }),
    }),
    text(tools, {
      font: plain(10),
      colour: ink,
      width: () => 84,
      align: "center",
      say: (data) => data.time,
      place: (data) => ({ x: under(data), y: data.h + 19 }),
    }),
  )
}

function chip(tools) {
  // A small chip says its state by colour and icon, the list by word; a batch always says how far it is.
  const side = ({ w, isBatch }) => (isBatch ? 42 : w < 104 ? 0 : 52)
  return node(
    tools,
    body(tools, 6.5),
    ring(tools, 6.5),
    glyph(tools, 12, ({ h }) => ({ x: 7, y: h / 2 - 6 })),
    text(tools, {
      font: strong(11),
      colour: name,
      width: (data) => data.w - 30 - side(data),
      place: ({ h }) => ({ x: 25, y: h / 2 - 7 }),
    }),
    // Right in the chip: how long it took once it is done, else the word.
    text(tools, {
      font: plain(10),
      colour: ink,
      width: side,
      align: "right",
      say: (data) => (side(data) === 0 ? "" : data.status === "succeeded" && data.time ? data.time : data.word),
      place: (data) => ({ x: data.w - side(data) - 8, y: data.h / 2 - 6 }),
    }),
  )
}

function square(tools) {
  return node(
    tools,
    body(tools, 6.5),
    ring(tools, 6.5),
    glyph(tools, 12, ({ w, h }) => ({ x: w / 2 - 6, y: h / 2 - 6 })),
  )
}

function pageCard(tools) {
  const side = 46
  // A small card has room for one of the two: how long it took once it is done, else the word.
  const isSmall = ({ w }) => w < 100
  const isTimed = (data) => data.time && (!isSmall(data) || data.status === "succeeded")
  const second = (data) => (isSmall(data) && isTimed(data) ? data.time : data.word)
  return node(
    tools,
    body(tools, 8),
    ring(tools, 8),
    glyph(tools, 14, ({ h }) => ({ x: 9, y: h / 2 - 7 })),
    text(tools, { font: strong(11), colour: name, width: ({ w }) => w - 36, place: () => ({ x: 30, y: 6 }) }),
    text(tools, {
      font: plain(10),
      colour: ink,
      width: (data) => data.w - 36 - (isTimed(data) && !isSmall(data) ? side - 10 : 0),
      say: second,
      place: () => ({ x: 30, y: 21 }),
    }),
    text(tools, {
      font: plain(10),
      colour: (_data, { text2 }) => text2,
      width: () => side,
      align: "right",
      say: (data) => (isTimed(data) && !isSmall(data) ? data.time : ""),
      place: ({ w }) => ({ x: w - side - 8, y: 21 }),
    }),
  )
}

function caption({ go, colours }) {
  const block = new go.TextBlock()
    .bind("text")
    .bind("font", "", () => `400 10px ${colours().sans}`)
    .bind("stroke", "", () => colours().mute.ink)
  const made = new go.Node(go.Panel.Auto, { selectable: false, pickable: false })
  return made.bind("location", "", ({ x, y }) => new go.Point(x, y)).add(block)
}

function link({ go, colours }) {
  const shape = new go.Shape({ isPanelMain: true, strokeJoin: "round" })
    .bind("stroke", "", (data) => colours()[data.tone].link)
    .bind("strokeWidth", "tone", (tone) => (["run", "bad"].includes(tone) ? 2 : 1.5))
    .bind("strokeDashArray", "isDashed", (isDashed) => (isDashed ? LINK_DASHES : null))
  const made = new go.Link({ routing: go.Routing.Orthogonal, corner: 7, selectable: false, pickable: false })
  const along = new go.Spot(0, 1, ALONG_PX, 0)
  made
    .bind("fromSpot", "isInside", (isInside) => (isInside ? along : go.Spot.Default))
    .bind("fromEndSegmentLength", "", ({ half, isInside }) => (isInside ? 4 : half))
    .bind("toEndSegmentLength", "half")
  return made.bind("zOrder", "order").add(shape)
}

// The library would mark the keyboard's place by a box of its own; our ring does that.
function noFocusBox({ go }) {
  return new go.Adornment(go.Panel.Auto, { layerName: "Tool", pickable: false, selectable: false, opacity: 0 })
}
