// The status graph, drawn by GoJS: our layout, our look, one commit per frame. State is colour, icon and word.

import { fold, nodeStates } from "./graph_fold.js"
import { readColours } from "./graph_colours.js"
import { iconPath } from "./graph_icons.js"
import { batchState, isLarge, layOut, ownOf } from "./graph_layout.js"
import { templates } from "./graph_templates.js"
import { el, setHidden, setText } from "./dom.js"
import { coalesced } from "./frame.js"
import { look } from "./status.js"
import { clock, everySecond } from "./ticker.js"
import { elapsed, took } from "./time.js"
import { word } from "./words.js"

let library = null

/** The library, fetched at the first graph; rejects when it is not installed. */
export function loadLibrary() {
  const { content: url, dataset } = document.querySelector('meta[name="gojs"]')
  if (!url) return Promise.reject(new Error("the graph library is not installed"))
  library ??= import(url).then(() => {
    if (dataset.key) globalThis.go.Diagram.licenseKey = dataset.key
    return globalThis.go
  })
  return library
}

/** A batch that is no wider has no room for the names of its servers. */
const NARROW_PX = 150
const LOUDNESS = { pending: 0, skipped: 0, succeeded: 1, cancelled: 2, lost: 3, running: 4, timed_out: 5, failed: 5 }

export class Graph {
  #go
  #box
  #template
  #edges
  #diagram
  #colours
  #entry = null
  #layout = null
  #open = null
  #picked = null
  #shape = []
  #states = new Map()
  #own = new Map()
  #view = "batches"
  #viewButton
  #isByKey = true
  #draw = coalesced(() => this.#paint())

  /** `template` is `panel` or `page`; `edges`: `pick(node)` when a node is pressed, `say(text)` when one is reached by key. */
  constructor(go, box, template, edges) {
    this.#go = go
    this.#box = box
    this.#template = template
    this.#edges = edges
    this.#colours = readColours(box.parentElement)
    this.#diagram = this.#make()
    this.#viewButton = box.parentElement.appendChild(el("button", "button button--small graph__view"))
    this.#viewButton.type = "button"
    this.#viewButton.addEventListener("click", () => this.#turnView())
    setHidden(this.#viewButton, true)
    new ResizeObserver(() => this.#draw()).observe(box.parentElement)
    const again = () => this.#retheme()
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again)
    document.addEventListener("themechange", again)
    everySecond(() => this.#hasRunning() && this.#draw())
    globalThis.deployGraph = this
  }

  /** Show a deployment: `{state, graph}`. */
  show(entry) {
    if (this.#entry?.state.id !== entry.state.id) {
      this.#open = null
      this.#shape = []
      this.#states = new Map()
    }
    this.#entry = entry
    this.#draw()
  }

  /** Mark the node that holds a step. */
  pick(stepKey) {
    this.#picked = stepKey
    this.#draw()
  }

  /** What a node shows now, read from the model: for tests. */
  state(key) {
    const data = this.#diagram.model.findNodeDataForKey(key)
    return data
      ? { key, text: data.text, status: data.status, word: data.word, time: data.time, tone: data.tone }
      : null
  }

  /** The keys of all nodes that stand in the picture. */
  get keys() {
    return this.#diagram.model.nodeDataArray.map((data) => data.key)
  }

  /** The middle of a node in the window: for tests that press it. */
  middle(key) {
    const node = this.#diagram.findNodeForKey(key)
    if (!node) return null
    const { x, y } = this.#diagram.transformDocToView(node.actualBounds.center)
    const box = this.#box.getBoundingClientRect()
    return { x: box.left + x, y: box.top + y }
  }

  #make() {
    const go = this.#go
    const diagram = new go.Diagram(this.#box, {
      isReadOnly: true,
      allowMove: false,
      allowZoom: false,
      allowHorizontalScroll: false,
      allowVerticalScroll: false,
      hasHorizontalScrollbar: false,
      hasVerticalScrollbar: false,
      maxSelectionCount: 1,
      padding: 0,
      initialPosition: new go.Point(0, 0),
      "animationManager.isEnabled": false,
      "undoManager.isEnabled": false,
      "toolManager.mouseWheelBehavior": go.WheelMode.None,
      "dragSelectingTool.isEnabled": false,
      "panningTool.isEnabled": false,
      "commandHandler.isFocusEnabled": true,
      "commandHandler.focusChanged": (old, now) => this.#focused(old?.data, now?.data),
    })
    templates(go, diagram, { colours: () => this.#colours, press: (data) => this.#press(data), icon: iconPath })
    diagram.model = new go.GraphLinksModel([], [], { linkKeyProperty: "key" })
    // Enter does not press in focus mode; keys reach this element first.
    this.#box.addEventListener("keydown", (event) => this.#key(event), true)
    this.#box.addEventListener("pointerdown", () => (this.#isByKey = false), true)
    return diagram
  }

  // The library walks the nodes by arrows; the ring is ours, and only for those who came by keys.
  #focused(old, now) {
    this.#diagram.commit(({ model }) => {
      if (old?.word) model.set(old, "isFocused", false)
      if (now?.word) model.set(now, "isFocused", this.#isByKey)
    }, null)
    if (now?.word && this.#isByKey) this.#edges.say(`${now.title}: ${now.word}`)
  }

  #key(event) {
    this.#isByKey = true
    const focus = this.#diagram.commandHandler.focus
    if (event.key !== "Enter" || !focus?.data) return
    event.preventDefault()
    this.#press(focus.data)
  }

  #press(data) {
    if (data.isBatch) {
      this.#open = this.#open === data.key ? null : data.key
      return this.#draw()
    }
    return data.node && this.#edges.pick(data.node)
  }

  #hasRunning() {
    return this.#entry?.state.steps.some((step) => step.status === "running")
  }

  #retheme() {
    this.#colours = readColours(this.#box.parentElement)
    this.#diagram.commit((diagram) => diagram.updateAllTargetBindings(), null)
  }

  #paint() {
    if (!this.#entry) return
    if (!this.#entry.graph.length) return this.#clear()
    const width = this.#box.parentElement.clientWidth
    if (!width) return
    const { graph, state } = this.#entry
    const shape = [width, this.#open, this.#view, graph.length, state.id, state.batches]
    if (shape.some((each, at) => each !== this.#shape[at])) this.#relay(width)
    this.#shape = shape
    this.#states = nodeStates(graph, state, this.#states)
    const wanted = this.#data()
    this.#diagram.commit(() => this.#change(wanted), null)
  }

  // Nothing is known of this one yet, or it is not there: the picture is not that of the one before.
  #clear() {
    this.#shape = []
    setHidden(this.#viewButton, true)
    this.#diagram.commit(() => this.#change({ nodes: [], links: [] }), null)
    return undefined
  }

  #turnView() {
    this.#view = this.#view === "tiles" ? "batches" : "tiles"
    this.#draw()
  }

  // The layout changes when nodes come, a batch opens or the panel gets another width; never with a status.
  #relay(width) {
    const isNarrow = this.#template === "page" && width < 616
    const turns = this.#entry.state.batches ?? []
    const template = isNarrow ? "panel" : this.#template
    const { graph } = this.#entry
    this.#layout = layOut(graph, { width, template, open: this.#open, turns, view: this.#view })
    this.#own = ownOf(this.#layout.boxes.filter((box) => box.category === "batch").map((box) => box.node), graph)
    setHidden(this.#viewButton, !isLarge(graph))
    setText(this.#viewButton, word(this.#view === "tiles" ? "graph_batches" : "graph_tiles"))
    this.#layout.template = template
    const { height } = this.#layout
    this.#box.style.blockSize = `${height}px`
    this.#diagram.fixedBounds = new this.#go.Rect(0, 0, Math.max(width, this.#layout.width), height)
    this.#diagram.requestUpdate()
  }

  #data() {
    const nodes = this.#layout.boxes.map((box) => this.#boxData(box, this.#states))
    const captions = this.#layout.captions.map(({ key, word: name, x, y }) => ({
      key,
      category: "caption",
      text: word(name),
      x,
      y,
    }))
    const statusOf = new Map(nodes.map((node) => [node.key, node.status]))
    const links = this.#layout.links.map((link) => {
      const status = statusOf.get(link.to)
      return {
        ...link,
        tone: look(status).tone,
        isDashed: ["pending", "skipped"].includes(status),
        order: LOUDNESS[status] ?? 0,
      }
    })
    return { nodes: [...nodes, ...captions], links }
  }

  #boxData({ key, category, x, y, w, h, node }, states) {
    const isBatch = category === "batch"
    const state = isBatch ? this.#batchState(node, states) : category === "tile" ? tileState(node, states) : states.get(key)
    const { tone, icon } = state.isBack ? { tone: "mute", icon: "rollback" } : look(state.status)
    const kind = word(node.kind === "health" ? "health_named" : `step.${node.kind}`)
    const title = node.text && category !== "health" ? node.text : kind
    return {
      key,
      category: `${this.#layout.template}-${category}`,
      x,
      y,
      w,
      h,
      node: isBatch ? null : node,
      text: isBatch && w < NARROW_PX ? node.short : title,
      title: category === "health" ? `${node.text}, ${title}` : title,
      status: state.status,
      word: isBatch ? state.word : word(state.isBack ? "node.back" : `status.${state.status}`),
      time: isBatch || state.isBack ? "" : timeOf(state),
      tone,
      icon,
      isDashed: ["pending", "skipped"].includes(state.status),
      isPicked: !isBatch && node.steps.includes(this.#picked),
      isBatch,
    }
  }

  #batchState(batch, states) {
    const { status, done } = batchState(this.#own.get(batch.key), (node) => states.get(node.key).status)
    return { status, word: `${done}/${batch.members.length}` }
  }

  // Only what differs is set; nodes and links come and go by key.
  #change({ nodes, links }) {
    const { model } = this.#diagram
    sync(model, nodes, {
      all: model.nodeDataArray,
      find: (key) => model.findNodeDataForKey(key),
      add: (data) => model.addNodeData(data),
      remove: (data) => model.removeNodeData(data),
    })
    sync(model, links, {
      all: model.linkDataArray,
      find: (key) => model.findLinkDataForKey(key),
      add: (data) => model.addLinkData(data),
      remove: (data) => model.removeLinkData(data),
    })
  }
}

function sync(model, wanted, { all, find, add, remove }) {
  const keys = new Set(wanted.map((data) => data.key))
  for (const data of [...all]) if (!keys.has(data.key)) remove(data)
  for (const data of wanted) {
    const known = find(data.key)
    if (!known || known.category !== data.category) {
      if (known) remove(known)
      add(data)
    } else for (const [name, value] of Object.entries(data)) if (known[name] !== value) model.set(known, name, value)
  }
}

// A tile stands for all that is done on its server.
function tileState(node, states) {
  const server = states.get(node.key)
  const health = states.get(`health:${node.text}`)
  return health && !server.isBack ? { ...server, status: fold([server.status, health.status]) } : server
}

function timeOf({ status, started_at, finished_at }) {
  if (!started_at) return ""
  if (status === "running") return elapsed(clock.now() - Date.parse(started_at))
  return finished_at ? took(Date.parse(finished_at) - Date.parse(started_at)) : ""
}
