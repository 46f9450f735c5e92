// The room's page: reads what the server wrote into it, and wires the parts together.

import "./trusted_types.js"
import { Announcer } from "./announcer.js"
import { Cards } from "./card.js"
import { Composer } from "./composer.js"
import { Connection } from "./connection.js"
import { ConnectionView } from "./connection_view.js"
import { Deployments } from "./deployments.js"
import { csrf, json, setHidden, slot } from "./dom.js"
import { EventView } from "./event_view.js"
import { Feed } from "./feed.js"
import { Hearing } from "./hearing.js"
import { tellingLine } from "./log_lines.js"
import { Navigation } from "./navigation.js"
import { Notify } from "./notify.js"
import { Outgoing } from "./outgoing.js"
import { Panel } from "./panel.js"
import { Presence } from "./presence.js"
import { Privates } from "./privates.js"
import { Running } from "./running.js"
import { switchThemeWith } from "./theme.js"
import { clock } from "./ticker.js"
import { Timeline } from "./timeline.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { urlsFrom } from "./urls.js"
import { language, readWords, usePhrases } from "./words.js"

const find = (selector) => document.querySelector(selector)

class RoomPage {
  #boot = json("boot")
  #me = this.#boot.you
  #room = this.#boot.room
  #urls = urlsFrom(this.#boot.urls)
  #announcer = new Announcer()
  #hearing = new Hearing(this.#announcer, new Notify(), this.#me.name)
  #read = this.#boot.read ?? 0
  #readTo = 0
  #excerpts = new Map()
  #whenOpen = []

  start() {
    clock.learn(this.#boot.now)
    this.#connect()
    this.#deployments = new Deployments(this.#feed)
    this.#draw()
    this.#follow()
    this.#listen()
    this.#navigation.route()
    this.#connection.start()
  }

  #feed
  #deployments
  #connection
  #view
  #cards
  #timeline
  #composer
  #outgoing
  #privates
  #panel
  #navigation
  #presence
  #status

  #connect() {
    const { socket, poll, send } = this.#boot.urls
    const polling = overPolling({ poll, send, csrf, cursors: () => this.#feed.cursors() })
    this.#feed = new Feed({ tab: crypto.randomUUID(), lang: language }, polling.poke)
    this.#connection = new Connection(
      { socket: overSocket(socket), poll: polling },
      {
        hello: () => this.#feed.hello(),
        frame: (frame) => this.#feed.frame(frame),
        changed: () => this.#connectionChanged(),
      },
      { heartbeatMs: this.#boot.heartbeat_ms },
    )
    this.#feed.use(this.#connection)
    this.#feed
      .on("welcome", ({ now }) => this.#welcomed(now))
      .on("pong", ({ now }) => clock.learn(now))
      .on("ack", (frame) => this.#outgoing.acked(frame))
      .on("err", (frame) => this.#outgoing.refused(frame))
      .on("presence", ({ room, people }) => room === this.#room.id && this.#presence.changed(people))
      .on("typing", ({ room, people }) => room === this.#room.id && this.#presence.showTyping(people))
      .on("progress", (frame) => this.#panel.progress(frame))
  }

  // Who came and went while we were away is told by nobody.
  async #welcomed(now) {
    clock.learn(now)
    try {
      const { state } = await this.#feed.ask({ t: "snapshot", s: this.#stream })
      this.#presence.show(state.people ?? [])
    } catch {
      // the next welcome asks again
    }
  }

  #draw() {
    const context = { me: this.#me.name, urls: this.#urls }
    this.#cards = new Cards(this.#deployments, {
      urls: this.#urls,
      excerpt: (step) => this.#excerpt(step),
      run: (line) => this.#outgoing.send(line),
      canAct: () => this.#connection.isOpen,
    })
    this.#view = new EventView(context, this.#cards)
    this.#composer = new Composer(
      find("#composer"),
      { room: this.#room.id, limit: this.#boot.limits?.text ?? 8000 },
      {
        send: (text) => this.#outgoing.send(text),
        complete: (text, caret) => this.#feed.ask({ t: "complete", room: this.#room.id, text, caret }),
        typing: (isOn) => this.#connection.send({ t: "typing", room: this.#room.id, on: isOn }),
        down: () => this.#timeline.toBottom(),
      },
    )
    this.#timeline = new Timeline(find("#timeline"), find("#scroll"), {
      view: this.#view,
      me: this.#me.name,
      older: (before) => this.#feed.ask({ t: "range", s: this.#stream, before, limit: 50 }),
      read: (q) => this.#markRead(q),
      unseen: (count) => this.#composer.showNew(count),
    })
    this.#outgoing = new Outgoing(this.#connection, this.#timeline, this.#composer, {
      view: this.#view,
      me: this.#me,
      room: this.#room.id,
      changed: () => this.#empty(),
    })
    this.#panel = new Panel(find("#deployment"), this.#deployments, {
      feed: this.#feed,
      urls: this.#urls,
      say: (text) => this.#announcer.say(text),
      route: (place) => this.#navigation.keep(place),
    })
    this.#privates = new Privates(this.#room.id, {
      view: this.#view,
      timeline: this.#timeline,
      outgoing: this.#outgoing,
      send: (frame) => this.#connection.send(frame),
      urge: (text) => this.#announcer.urge(text),
      changed: () => this.#empty(),
      focus: () => this.#composer.focus(),
    })
    this.#navigation = new Navigation(find("#app"), {
      panel: this.#panel,
      composer: this.#composer,
      timeline: this.#timeline,
      deployments: this.#deployments,
      keys: find("#keys"),
      help: find('[data-action="keys"]'),
    })
    this.#presence = new Presence(
      {
        avatars: document.querySelectorAll('[data-slot="avatars"]'),
        here: find('.room__people [data-slot="here"]'),
        company: find('#empty [data-slot="company"]'),
      },
      this.#me.name,
      (names) => this.#composer.showTyping(names),
    )
    new Running(find("#running"), find(".now"), this.#deployments, this.#urls)
    this.#status = new ConnectionView(
      { label: slot(find(".rail"), "connection"), banner: find("#banner"), app: find("#app") },
      {
        isBehind: () => this.#feed.isBehind,
        stale: (since) => this.#cards.stale(since),
        note: (text) => this.#composer.say(text, true),
        retry: () => this.#connection.retry(),
      },
    )
  }

  get #stream() {
    return `room:${this.#room.id}`
  }

  // From the pictures in the page, or, where there is none, from those the server sends.
  #follow() {
    const { room_stream: room, person_stream: person } = this.#boot
    if (room) this.#restart(room, 0, this.#read)
    this.#feed.follow(
      this.#stream,
      {
        apply: (events) => this.#roomEvents(events),
        restart: (picture, missed) => this.#restart(picture, missed),
        gone: () => this.#gone(),
      },
      room && { e: room.e, q: room.q },
    )
    for (const event of person?.last ?? []) this.#privates.heard(event, { isNow: false })
    this.#feed.follow(
      `person:${this.#me.id}`,
      { apply: (events) => events.forEach((event) => this.#privates.heard(event, { isNow: true })), restart() {} },
      person && { e: person.e, q: person.q },
    )
    this.#deployments.watchAll((entry) => {
      this.#hearing.deployment(entry)
      this.#status.paint()
    })
  }

  #restart({ e, state, last }, missed, read = null) {
    for (const each of state.deployments ?? []) this.#deployments.adopt(each, e)
    if (state.people) this.#presence.show(state.people)
    this.#timeline.restart(last, { read, missed })
    this.#empty()
  }

  #roomEvents(events) {
    this.#timeline.append(events)
    for (const { cid, by } of events) {
      if (cid) this.#outgoing.settle(cid)
      if (by) this.#presence.spoke(by.name)
    }
    this.#empty()
    const isNow = this.#hearing.events(events)
    const card = events.findLast((event) => event.k === "card")
    if (isNow && card) this.#navigation.offer(card.d.deployment)
  }

  #connectionChanged() {
    this.#status?.changed(this.#connection)
    if (!this.#connection.isOpen) return this.#feed.closed()
    this.#outgoing.reconnected()
    this.#markRead(0)
    for (const act of this.#whenOpen.splice(0)) act()
    return undefined
  }

  #markRead(q) {
    this.#readTo = Math.max(this.#readTo, q)
    if (this.#readTo <= this.#read) return
    const isSent = this.#connection.send({ t: "read", room: this.#room.id, q: this.#readTo })
    if (isSent) this.#read = this.#readTo
  }

  #empty() {
    const isEmpty = this.#timeline.isEmpty
    setHidden(find("#empty"), !isEmpty)
    setHidden(find("#timeline"), isEmpty)
  }

  #gone() {
    this.#connection.close()
  }

  /** The line of a failed step's log that says most; asked once per step. */
  #excerpt(step) {
    const key = `${step.step_id}/${step.lines}`
    if (!this.#excerpts.has(key)) this.#excerpts.set(key, this.#askExcerpt(step))
    return this.#excerpts.get(key)
  }

  async #askExcerpt({ step_id: id, lines }) {
    if (!this.#connection.isOpen) await new Promise((resolve) => this.#whenOpen.push(resolve))
    const { events } = await this.#feed.ask({ t: "range", s: `log:${id}`, before: lines + 1, limit: 40 })
    return tellingLine(events)
  }

  #listen() {
    addEventListener("online", () => this.#connection.retry())
    document.addEventListener("visibilitychange", () => {
      const isVisible = document.visibilityState === "visible"
      if (isVisible) this.#connection.retry()
      this.#connection.send({ t: "presence", visible: isVisible })
    })
    switchThemeWith(find('[data-action="theme"]'))
  }
}

readWords()
usePhrases(json("boot").phrases)
new RoomPage().start()
