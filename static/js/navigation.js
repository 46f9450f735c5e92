// Moving about the room: what the address says, what a press means, and the keys. Every key has a button too.

import { slot } from "./dom.js"
import { format, parse } from "./route.js"
import { listen } from "./shortcuts.js"

const WIDE = "(width >= 68.75rem)"

export class Navigation {
  #app
  #parts
  #isWide = matchMedia(WIDE)

  /** `parts`: `panel`, `composer`, `timeline`, `deployments`, `tools`, `find`, the dialog `keys` and its button `help`. */
  constructor(app, parts) {
    this.#app = app
    this.#parts = parts
    addEventListener("hashchange", () => this.route())
    document.addEventListener("click", (event) => this.#clicked(event))
    this.#listenToKeys(parts.keys, parts.help)
  }

  /** Show what the address names; at first, what runs. */
  route() {
    const { panel, composer, deployments } = this.#parts
    const isFirst = this.#app.dataset.pane === undefined
    const place = parse(location.hash) ?? (isFirst ? { pane: "room" } : null)
    if (!place) return
    this.#app.dataset.pane = place.pane
    if (place.event) return void this.#parts.timeline.show(place.event)
    if (place.say) {
      history.replaceState(null, "", "#") // a reload does not write it again
      return void composer.fill(place.say)
    }
    if (place.pane === "deployment") panel.open(place.deployment, place)
    else if (place.pane === "room" && isFirst && deployments.live.length) this.offer(deployments.live[0].state.id)
    else if (place.pane === "room" && panel.isOpen) {
      panel.close()
      composer.focus()
    }
  }

  /** A deployment began: show it where there is room and nobody is reading. */
  offer(id) {
    if (!this.#isWide.matches || !this.#parts.panel.isFree) return
    this.#parts.panel.open(id, { isPinned: false })
    this.#app.dataset.pane = "deployment"
    this.keep({ deployment: id })
  }

  /** Write a place into the address without a step in the history. */
  keep(place) {
    history.replaceState(null, "", format({ pane: "deployment", ...place }))
  }

  #go(place) {
    location.hash = format({ pane: "deployment", ...place })
    this.route() // the event comes later, and not at all when nothing changed
  }

  #clicked(event) {
    if (event.target.closest('a[href^="#e"]')?.hash === location.hash) this.route() // once more, where one is already
    const target = event.target.closest("[data-action], [data-try]")
    if (!target || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey) return
    const { action, deployment, step, line } = target.dataset
    if (action === "open-deployment" || action === "open-log") {
      event.preventDefault()
      this.#go({ deployment: Number(deployment), step, line: line ? Number(line) : null })
    } else if (target.dataset.try) {
      if (!this.#isWide.matches && location.hash) location.hash = "" // the field is on another pane
      this.#parts.composer.fill(target.dataset.try)
    }
  }

  #listenToKeys(keys, help) {
    const { panel, composer, timeline, tools, find } = this.#parts
    help.hidden = false
    help.addEventListener("click", () => keys.showModal())
    keys.querySelector('[data-action="close-keys"]').addEventListener("click", () => keys.close())
    const acts = {
      "/": () => composer.beginCommand(),
      "?": () => keys.showModal(),
      g: () => this.#showPanel(),
      l: () => panel.log?.focus(),
      f: () => panel.log?.toggleFollowing(),
      j: () => timeline.step(1),
      k: () => timeline.step(-1),
      o: () => openFocused(),
      r: () => tools.act("reply"),
      e: () => tools.act("edit"),
      c: () => tools.act("copy-link"),
      Escape: () => this.#escape(keys),
    }
    listen(acts, slot(keys, "letters"))
    for (const button of document.querySelectorAll('[data-action="find"]')) {
      button.hidden = false
      button.addEventListener("click", () => find.open())
    }
    document.addEventListener("keydown", (event) => this.#chord(event))
  }

  // Keys that work while one writes, too.
  #chord(event) {
    const isFind = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k"
    const step = event.altKey && !event.ctrlKey && !event.metaKey ? { ArrowDown: 1, ArrowUp: -1 }[event.key] : 0
    if (isFind) this.#parts.find.open()
    else if (step) nextRoom(step, event.shiftKey)
    else return
    event.preventDefault()
  }

  #showPanel() {
    const { panel, deployments } = this.#parts
    const newest = deployments.live[0]?.state.id ?? deployments.newest
    if (!panel.isOpen && newest) this.#go({ deployment: newest })
    panel.focus()
  }

  // What is open closes first; then Escape leads into the field, and out of an empty one to the keys of the page.
  #escape(keys) {
    const field = document.activeElement
    if (keys.open) return false
    if (this.#parts.panel.isOpen && !this.#isWide.matches) location.hash = ""
    else if (field.id !== "line") this.#parts.composer.focus()
    else if (!field.value) this.#parts.timeline.focus()
    return true
  }
}

// The deployment of the card, or of the line about it, that has the focus; false when that is about none.
function openFocused() {
  const link = document.activeElement.closest?.(".event")?.querySelector('[data-action="open-deployment"]')
  link?.click()
  return Boolean(link)
}

// The next room of the rail, or the next one with news.
function nextRoom(step, isUnread) {
  const all = [...document.querySelectorAll(".rail [data-room]")]
  const at = all.findIndex((link) => link.ariaCurrent)
  const rest = [...all.slice(at + 1), ...all.slice(0, Math.max(0, at))]
  if (step < 0) rest.reverse()
  const found = isUnread ? rest.find((link) => link.classList.contains("has-news")) : rest[0]
  found?.click()
}
