// A picture that the server draws: asked for again and again, and at once when something may be another. What is as it
// was is not sent (ETag).

import { contain } from "./contain.js"

const LOST_AFTER = 3
const POKE_MS = 200
const SHORTEST_MS = 200
const RETRY_MS = 2_000
const PATIENCE_MS = 5_000
const MOST_PATIENCE_MS = 30_000

export class Lookout {
  /** Whether the session is over: then nobody asks any more. */
  isEnded = false
  heardAt = Date.now()
  #since = Date.now()
  #address
  #kind
  #everyMs
  #edges
  #etag = ""
  #timer = null
  #isAsking = false
  #isPoked = false
  #failures = 0

  /** `kind` of the answer: `json`, `document`. `edges`: `take(answer)` of a new picture, `answered()` after each try. */
  constructor({ address, kind, everyMs }, edges) {
    this.#address = address
    this.#kind = kind
    this.#everyMs = everyMs
    this.#edges = edges
    document.addEventListener("visibilitychange", () => this.#lookedAt())
  }

  /** Whether so much time has passed without an answer that what is shown may be over. */
  get isLost() {
    return this.isEnded || Date.now() - Math.max(this.heardAt, this.#since) > this.#everyMs * LOST_AFTER + 1_000
  }

  /** Ask soon: something happened. */
  poke() {
    if (this.#isAsking) this.#isPoked = true
    else this.#again(POKE_MS)
  }

  async ask() {
    clearTimeout(this.#timer)
    this.#isAsking = true
    this.#isPoked = false
    const began = Date.now()
    const patienceMs = Math.min(MOST_PATIENCE_MS, Math.max(PATIENCE_MS, this.#everyMs * LOST_AFTER))
    this.#failures += 1
    try {
      this.#heard(await get(this.#address, this.#kind, this.#etag, patienceMs))
    } catch {
      // the line is away; `isLost` says so once it has been for a while
    }
    this.#isAsking = false
    contain(() => this.#edges.answered())
    const left = this.#failures ? Math.min(this.#everyMs, RETRY_MS * this.#failures) : this.#everyMs - (Date.now() - began)
    this.#again(this.#isPoked ? POKE_MS : Math.max(SHORTEST_MS, left))
  }

  #taken(answer, etag) {
    this.#edges.take(answer)
    this.#etag = etag
    return true
  }

  #lookedAt() {
    this.#since = Date.now()
    this.poke()
  }

  #heard({ status, etag, answer }) {
    if (status === 401) this.isEnded = true
    if (status !== 200 && status !== 304) return
    if (status === 200 && !contain(() => this.#taken(answer, etag))) return // it is not shown: heard of it is not the word
    this.heardAt = Date.now()
    this.#failures = 0
  }

  // Where nobody looks, nobody asks; `visibilitychange` does as soon as somebody does.
  #again(ms) {
    clearTimeout(this.#timer)
    if (!this.isEnded && document.visibilityState === "visible") this.#timer = setTimeout(() => this.ask(), ms)
  }
}

/** `{status, etag, answer}`. A request of this kind parses a document itself, so that no text has to become HTML here. */
function get(address, kind, etag, timeoutMs) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open("GET", address)
    request.responseType = kind
    request.timeout = timeoutMs
    if (kind === "document") request.overrideMimeType("text/html") // an answer without a body would be read as XML
    if (etag) request.setRequestHeader("If-None-Match", etag)
    request.onload = () =>
      resolve({ status: request.status, etag: request.getResponseHeader("ETag"), answer: request.response })
    request.onerror = request.ontimeout = () => reject(new Error("no answer"))
    request.send()
  })
}
