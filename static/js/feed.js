// All streams of a page over one connection: who is followed, and which frame belongs to whom.

import { pause, Stream } from "./stream.js"

/** Refusals that another time may not have; an answer that never came has no code. */
const PASSING = new Set([undefined, "rate_limited", "unavailable", "internal"])

export class Feed {
  #connection
  #followed = new Map()
  #handlers = new Map()
  #client
  #joined

  /**
   * `client`: `{tab, lang, room}`, `room` the stream of the room that the page shows, if it shows one; `joined()`
   * hears of one more stream that is followed, for a transport whose questions
   * carry the cursors. The connection is given later, because the two need each other.
   */
  constructor(client, joined = () => {}) {
    this.#client = client
    this.#joined = joined
  }

  use(connection) {
    this.#connection = connection
    return this
  }

  /** Follow a stream from `at` (`{e, q}` of a picture one has), or from a picture that is asked for. */
  follow(id, { apply, restart, gone = () => {} }, at) {
    this.#quiet(this.#followed.get(id))
    const stream = new Stream(
      {
        apply,
        restart,
        range: (after) => this.#connection.request({ t: "range", s: id, after, limit: 200 }),
        snapshot: () => this.#connection.request({ t: "snapshot", s: id }),
      },
      at,
    )
    this.#followed.set(id, { stream, gone, timer: null })
    if (this.#connection?.isOpen) this.#subscribe(id)
    return stream
  }

  leave(id) {
    const followed = this.#followed.get(id)
    if (!followed) return
    this.#quiet(followed)
    this.#followed.delete(id)
    this.#connection.send({ t: "unsub", s: id })
  }

  isFollowing(id) {
    return this.#followed.has(id)
  }

  /** Older events than `before`, or a single answer about a stream that is not followed. */
  ask(frame) {
    return this.#connection.request(frame)
  }

  /** What to do with frames of a type that belongs to no stream. */
  on(type, handle) {
    this.#handlers.set(type, handle)
    return this
  }

  /** Cursors as a hello and every poll carry them. */
  cursors() {
    const all = [...this.#followed].map(([s, { stream }]) => ({ s, e: stream.e, q: stream.q }))
    return {
      resume: all.filter(({ e }) => e),
      want: all.filter(({ s, e }) => !e || s === this.#client.room).map(({ s }) => s), // in a wanted room one is present
    }
  }

  hello() {
    const { tab, lang } = this.#client
    return { t: "hello", v: 1, client: "web/1", tab, lang, ...this.cursors() }
  }

  closed() {
    for (const followed of this.#followed.values()) this.#quiet(followed)
  }

  #quiet(followed) {
    clearTimeout(followed?.timer)
    followed?.stream.closed()
  }

  get isBehind() {
    return [...this.#followed.values()].some(({ stream }) => stream.isBehind)
  }

  /** A frame from the server. */
  frame(frame) {
    switch (frame.t) {
      case "welcome":
        this.#welcome(frame)
        break
      case "subbed":
        this.#stream(frame.s)?.opened(frame)
        break
      case "event":
        this.#stream(frame.s)?.offer(frame)
        break
      case "log":
        this.#stream(frame.s)?.offer(...lines(frame))
        break
      case "head":
        for (const { s, e, head } of frame.streams) this.#sawHead(s, e, head)
        break
      case "reset":
        this.#reset(frame)
        break
    }
    this.#handlers.get(frame.t)?.(frame)
  }

  #welcome(frame) {
    for (const { timer } of this.#followed.values()) clearTimeout(timer)
    const told = new Set()
    for (const each of frame.streams) {
      told.add(each.s)
      this.#stream(each.s)?.opened(each)
    }
    for (const id of this.#followed.keys()) if (!told.has(id)) this.#subscribe(id)
  }

  // What was refused for a while, or got no answer, is asked again as long as it is wanted. After a cut the welcome asks.
  async #subscribe(id, failures = 0) {
    const followed = this.#followed.get(id)
    let answer = null
    try {
      answer = await this.#connection.request({ t: "sub", s: id })
    } catch (error) {
      if (this.#followed.get(id) !== followed || !this.#connection.isOpen) return
      if (error.code === "not_found" || error.code === "forbidden") return void this.#gone(id)
      if (!PASSING.has(error.code)) return
      const wait = Math.max(pause(failures), error.frame?.retry_after_ms ?? 0)
      followed.timer = setTimeout(() => this.#subscribe(id, failures + 1), wait)
      return
    }
    this.#stream(id)?.opened(answer)
    this.#joined()
  }

  #sawHead(id, e, head) {
    const stream = this.#stream(id)
    if (!stream) return
    if (stream.e && e && stream.e !== e) stream.reset()
    else stream.sawHead(head)
  }

  #reset({ s, reason }) {
    if (reason === "access") this.#gone(s)
    else this.#stream(s)?.reset()
  }

  #gone(id) {
    const followed = this.#followed.get(id)
    this.#followed.delete(id)
    this.#quiet(followed)
    followed?.gone()
  }

  #stream(id) {
    return this.#followed.get(id)?.stream
  }
}

/** The lines of a log frame as events. */
function lines({ e, first, lines: rows }) {
  return rows.map(([ms, c, text], index) => ({ e, q: first + index, ms, c, text }))
}
