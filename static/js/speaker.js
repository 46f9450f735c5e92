// The one tab of this browser that speaks: it shows what the system shows, and makes the sound. Which tab that is, a
// lock decides; the others keep quiet, and take over when it is closed.

import { freshId } from "./fresh.js"

/** A tab says so often that it is looked at, and one that was not heard of for so long is gone, however it went. */
const LOOKING_MS = 20_000
const GONE_MS = 60_000
const LOCK = "shiproom-speaker"
const CHANNEL = "shiproom-looking"
const DESKTOP = "desktop"
const SOUND = "sound"
/** Two short notes, in hertz, each so long. */
const NOTES = [880, 659]
const NOTE_S = 0.14

export class Speaker {
  #speaks = false
  #looking = new Map()
  #channel = globalThis.BroadcastChannel ? new BroadcastChannel(CHANNEL) : null
  #tab = freshId()
  #room
  #audio = null
  #opened

  /** `room` is what this tab shows, null for none; `opened(url)` is called when a notification is pressed. */
  constructor(room, opened) {
    this.#room = room
    this.#opened = opened
    if (navigator.locks) navigator.locks.request(LOCK, () => this.#speak()).catch(() => {})
    else this.#speaks = true
    this.#channel?.addEventListener("message", ({ data }) => this.#heard(data))
    document.addEventListener("visibilitychange", () => this.#tellLooking())
    addEventListener("pagehide", () => this.#channel?.postMessage({ tab: this.#tab, room: null }))
    this.#channel?.postMessage({ ask: true })
    this.#tellLooking()
    setInterval(() => document.visibilityState === "visible" && this.#tellLooking(), LOOKING_MS)
  }

  get hasDesktop() {
    return localStorage.getItem(DESKTOP) === "on" && globalThis.Notification?.permission === "granted"
  }

  get hasSound() {
    return localStorage.getItem(SOUND) === "on"
  }

  /** From a press only: browsers ask the person then, and let sound be made later. Resolves to what holds. */
  async setDesktop(isOn) {
    const isAllowed = isOn && globalThis.Notification && (await Notification.requestPermission()) === "granted"
    localStorage.setItem(DESKTOP, isAllowed ? "on" : "off")
    return Boolean(isAllowed)
  }

  setSound(isOn) {
    localStorage.setItem(SOUND, isOn ? "on" : "off")
    if (isOn) this.#play()
  }

  /** Call the reader, if this is the tab to do it and no tab shows the room (null: any room) to them. */
  say({ room, title, body, tag, url, isUrgent }) {
    if (!this.#speaks || this.#isLookedAt(room)) return
    if (this.hasDesktop) this.#show(title, { body, tag, renotify: isUrgent, lang: document.documentElement.lang }, url)
    if (isUrgent && this.hasSound) this.#play()
  }

  // Some browsers (Chrome on Android) let no page do this, and say so by throwing: then it is off, and the bell says so.
  #show(title, options, url) {
    let shown
    try {
      shown = new Notification(title, options)
    } catch {
      return localStorage.setItem(DESKTOP, "off")
    }
    return shown.addEventListener("click", () => {
      window.focus()
      shown.close()
      this.#opened(url)
    })
  }

  // Held until the tab is closed.
  #speak() {
    this.#speaks = true
    document.documentElement.dataset.speaks = "" // seen by tests, and by whoever wonders which tab it is
    return new Promise(() => {})
  }

  #heard({ tab, room, ask }) {
    if (ask) return this.#tellLooking()
    if (room === null) this.#looking.delete(tab)
    else this.#looking.set(tab, { room, at: Date.now() })
    return undefined
  }

  #tellLooking() {
    const room = document.visibilityState === "visible" ? this.#room : null
    this.#channel?.postMessage({ tab: this.#tab, room })
  }

  #isLookedAt(room) {
    for (const [tab, { at }] of this.#looking) if (Date.now() - at > GONE_MS) this.#looking.delete(tab)
    const inSight = [...this.#looking.values()].map((each) => each.room)
    if (document.visibilityState === "visible" && this.#room !== null) inSight.push(this.#room)
    return room === null ? inSight.length > 0 : inSight.includes(room)
  }

  #play() {
    this.#audio ??= new AudioContext()
    if (this.#audio.state === "suspended") this.#audio.resume().catch(() => {})
    NOTES.forEach((hertz, index) => {
      const start = this.#audio.currentTime + index * NOTE_S
      const tone = new OscillatorNode(this.#audio, { frequency: hertz, type: "sine" })
      const gain = new GainNode(this.#audio, { gain: 0 })
      gain.gain.setValueAtTime(0, start)
      gain.gain.linearRampToValueAtTime(0.2, start + 0.02)
      gain.gain.linearRampToValueAtTime(0, start + NOTE_S)
      tone.connect(gain).connect(this.#audio.destination)
      tone.start(start)
      tone.stop(start + NOTE_S)
    })
  }
}
