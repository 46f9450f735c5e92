// The wall: changes only what changed, at once when something happens in the reader's rooms, and says so when nothing
// comes any more.

import "./trusted_types.js"
import { clone, el, icon, json, setHidden, setIcon, setText, setTone, slots } from "./dom.js"
import { live } from "./live.js"
import { Lookout } from "./lookout.js"
import { hearRooms } from "./outside.js"
import { clock } from "./ticker.js"
import { elapsed, hour, moment, second } from "./time.js"
import { urlsFrom } from "./urls.js"
import { dayWords, language, readWords, usePhrases, word } from "./words.js"

const TONES = ["is-run", "is-ok", "is-bad", "is-wait", "is-mute"]

class Wall {
  #root = document.getElementById("wall")
  #slots = slots(this.#root)
  #list = this.#slots.tiles
  #picture
  #lookout

  constructor({ picture, every_ms: everyMs }) {
    const address = `/wall/tiles/${location.search}`
    const edges = { take: (news) => this.#take(news), answered: () => this.#tick() }
    this.#lookout = new Lookout({ address, kind: "json", everyMs }, edges)
    this.#take(picture)
    setInterval(() => this.#tick(), 1_000)
    this.#lookout.ask()
  }

  /** Something happened that it may show. */
  look() {
    this.#lookout.poke()
  }

  #take(picture) {
    this.#picture = picture
    this.#paint()
  }

  #paint() {
    const { tiles, counts, duty, last, freeze, more } = this.#picture
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.key, row]))
    const wanted = tiles.map((tile) => paintTile(rows.get(tile.key) ?? clone("tile"), tile))
    wanted.forEach((row, index) => {
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null)
    })
    while (this.#list.children.length > wanted.length) this.#list.lastElementChild.remove()
    this.#list.dataset.count = String(wanted.reduce((sum, row) => sum + (row.classList.contains("tile--wide") ? 2 : 1), 0))
    setHidden(this.#slots.none, tiles.length > 0)
    this.#paintCounts(counts)
    this.#fact("duty", duty)
    this.#fact("last", last && `${last.what}, ${moment(last.at, clock.now(), language, dayWords())}`)
    this.#fact("freeze", freeze && moment(freeze.at, clock.now(), language, dayWords()))
    this.#fact("more", more ? String(more) : "")
  }

  #paintCounts(counts) {
    const text = counts.map((each) => each.text).join("\n")
    if (this.#slots.counts.dataset.text === text) return
    this.#slots.counts.dataset.text = text
    this.#slots.counts.replaceChildren(
      ...counts.map((each) => el("span", `status is-${each.tone}`, icon(each.icon, each.icon === "running" ? "icon--spin" : ""), each.text)),
    )
  }

  #fact(name, text) {
    setHidden(this.#slots[`${name}-part`], !text)
    if (text) setText(this.#slots[name], text)
  }

  #tick() {
    const now = new Date(clock.now()).toISOString()
    setText(this.#slots.clock, hour(now, language))
    const { isLost, isEnded, heardAt } = this.#lookout
    this.#root.classList.toggle("is-stale", isLost)
    if (!isLost) for (const row of this.#list.children) paintTime(row)
    setHidden(this.#slots.lost, !isLost)
    setTone(this.#slots.life, isLost ? "wait" : "ok")
    const heard = second(new Date(clock.now() - (Date.now() - heardAt)).toISOString(), language)
    setText(this.#slots.life, isLost ? word("wall.lost") : word("wall.live", { time: heard }))
    if (isLost) setText(this.#slots["lost-words"], word(isEnded ? "wall.ended" : "wall.lost_since", { time: heard }))
  }
}

function paintTile(row, tile) {
  const into = slots(row)
  row.dataset.key = tile.key
  row.classList.remove(...TONES)
  row.classList.add(`is-${tile.tone}`)
  row.classList.toggle("tile--wide", tile.is_wide)
  row.classList.toggle("tile--calm", tile.is_calm)
  row.classList.toggle("tile--long", tile.is_long)
  setTone(into.status, tile.tone)
  setIcon(into.icon, tile.icon, tile.spin ? "icon--spin" : "")
  for (const name of ["app", "environment", "word", "big", "small", "meta"]) setText(into[name], tile[name])
  setHidden(into.strip, !tile.strip.length)
  const strip = tile.strip.join(" ")
  if (into.strip.dataset.strip !== strip) {
    into.strip.dataset.strip = strip
    into.strip.replaceChildren(...tile.strip.map((tone) => el("i", `fleet__cell ${tone}`)))
  }
  into.time.dataset.kind = tile.kind
  into.time.dataset.at = tile.at
  paintTime(row)
  return row
}

function paintTime(row) {
  const place = row.querySelector('[data-slot="time"]')
  const { kind, at } = place.dataset
  if (!kind) return setText(place, "")
  if (kind === "elapsed") return setText(place, `· ${elapsed(clock.now() - Date.parse(at))}`)
  return setText(place, `· ${word(`wall.${kind}`, { time: moment(at, clock.now(), language, dayWords()) })}`)
}

const boot = json("boot")
readWords()
usePhrases(boot.phrases)
clock.learn(boot.now)
const wall = new Wall(boot)
const { feed, connection } = live(boot)
feed.on("welcome", ({ now }) => clock.learn(now)).on("pong", ({ now }) => clock.learn(now))
hearRooms(boot, feed, urlsFrom(boot.urls), () => wall.look())
connection.start()
