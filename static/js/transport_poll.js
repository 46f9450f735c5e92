// The same frames by long polling. Nothing is kept on the server: the cursors travel with every question.

const WAIT_MS = 25_000
const GRACE_MS = 10_000

/**
 * A transport for `Connection`. `cursors()` gives `{resume, want}` as they stand now; a change of what is followed
 * is told by `poke()`, which asks again at once.
 */
export function overPolling({ poll, send, csrf, cursors }) {
  let poke = () => {}
  const open = (edges) => {
    const line = new Line({ poll, send, csrf, cursors }, edges)
    poke = () => line.poke()
    line.run()
    return line
  }
  open.poke = () => poke()
  return open
}

class Line {
  #ways
  #edges
  #isClosed = false
  #asking = null
  #hello = null
  #conn = null
  #queue = []
  #isSending = false

  constructor(ways, edges) {
    this.#ways = ways
    this.#edges = edges
  }

  async run() {
    await null // whoever opens us has us in hand first
    if (!this.#isClosed) this.#edges.opened()
    while (!this.#isClosed) {
      this.#asking = new AbortController()
      const isFirst = this.#conn === null
      const question = { ...this.#hello, ...this.#ways.cursors(), t: undefined, conn: this.#conn, visible: isVisible() }
      question.wait_ms = isFirst ? 0 : WAIT_MS
      try {
        this.#deliver(await this.#post(this.#ways.poll, question, this.#asking.signal, question.wait_ms + GRACE_MS))
      } catch (error) {
        if (error.name === "AbortError" && !this.#isClosed) continue // poked
        return void this.#end(error.code)
      }
    }
  }

  send(frame) {
    if (frame.t === "hello") this.#hello = frame
    else if (frame.t !== "ping") {
      this.#queue.push(frame)
      this.#flush()
    }
  }

  poke() {
    if (this.#conn !== null) this.#asking?.abort(new DOMException("", "AbortError"))
  }

  close() {
    this.#isClosed = true
    this.#asking?.abort(new DOMException("", "AbortError"))
  }

  async #flush() {
    if (this.#isSending) return
    this.#isSending = true
    await Promise.resolve() // what is sent in one turn goes in one request
    while (this.#queue.length && !this.#isClosed) {
      const frames = this.#queue.splice(0, 20)
      try {
        this.#deliver(await this.#post(this.#ways.send, { frames, conn: this.#conn }, undefined, GRACE_MS))
      } catch (error) {
        return void this.#end(error.code)
      }
    }
    this.#isSending = false
  }

  #deliver({ frames }) {
    for (const frame of frames) {
      if (this.#isClosed) return
      if (frame.t === "welcome") this.#conn = frame.conn ?? ""
      this.#edges.frame(frame)
    }
  }

  #end(code = 0) {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#edges.closed(code)
  }

  async #post(url, body, signal, timeoutMs) {
    const limit = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.#ways.csrf() },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    if (response.ok) return response.json()
    throw Object.assign(new Error(`answered ${response.status}`), {
      code: [401, 403].includes(response.status) ? 4401 : 0,
    })
  }
}

function isVisible() {
  return document.visibilityState === "visible"
}
