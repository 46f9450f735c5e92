// The room's page: reads what the server wrote into it, and wires the parts together.

import "./trusted_types.js"
import { Announcer } from "./announcer.js"
import { Cards } from "./card.js"
import { Composer } from "./composer.js"
import { Connection } from "./connection.js"
import { ConnectionView } from "./connection_view.js"
import { hasEnded } from "./deployment_state.js"
import { Deployments } from "./deployments.js"
import { csrf, json, setHidden, slot } from "./dom.js"
import { EventView } from "./event_view.js"
import { Feed } from "./feed.js"
import { tellingLine } from "./log_lines.js"
import { mentions } from "./markup.js"
import { Notify } from "./notify.js"
import { Outgoing } from "./outgoing.js"
import { Panel } from "./panel.js"
import { Presence } from "./presence.js"
import { format, parse } from "./route.js"
import { Running } from "./running.js"
import { listen } from "./shortcuts.js"
import { switchThemeWith } from "./theme.js"
import { clock } from "./ticker.js"
import { Timeline } from "./timeline.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { urlsFrom } from "./urls.js"
import { language, plural, readWords, usePhrases, word } from "./words.js"

/** Fewer events than this at once were said now; more are history, and are not read aloud. */
const CHATTER = 4

const find = (selector) => document.querySelector(selector)

class RoomPage {
  #boot = json("boot")
  #me = this.#boot.you
  #room = this.#boot.room
  #urls = urlsFrom(this.#boot.urls)
  #app = find("#app")
  #isWide = matchMedia("(width >= 68.75rem)")
  #announcer = new Announcer()
  #notify = new Notify()
  #read = this.#boot.read ?? 0
  #privates = new Map()
  #excerpts = new Map()
  #whenOpen = []

  start() {
    clock.learn(this.#boot.now)
    this.#feed = new Feed({ tab: crypto.randomUUID(), lang: language })
    this.#deployments = new Deployments(this.#feed)
    this.#connect()
    this.#draw()
    this.#follow()
    this.#listen()
    this.#route()
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
  #panel
  #presence
  #status

  #connect() {
    const { socket, poll, send } = this.#boot.urls
    const polling = overPolling({ poll, send, csrf, cursors: () => this.#feed.cursors() })
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
      route: (place) => history.replaceState(null, "", format({ pane: "deployment", ...place })),
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
      { label: slot(find(".rail"), "connection"), banner: find("#banner"), app: this.#app },
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
    for (const event of person?.last ?? []) this.#private(event)
    this.#feed.follow(
      `person:${this.#me.id}`,
      { apply: (events) => events.forEach((event) => this.#personEvent(event)), restart() {} },
      person && { e: person.e, q: person.q },
    )
    this.#deployments.watchAll((entry) => this.#deploymentChanged(entry))
  }

  #restart({ e, state, last }, missed, read = null) {
    for (const each of state.deployments ?? []) this.#deployments.adopt(each, e)
    if (state.people) this.#presence.show(state.people)
    this.#timeline.restart(last, { read, missed })
    this.#empty()
  }

  #roomEvents(events) {
    this.#timeline.append(events)
    for (const event of events) if (event.cid) this.#outgoing.settle(event.cid)
    this.#empty()
    const isNow = events.length < CHATTER
    for (const event of events) this.#heard(event, isNow)
    if (!isNow) this.#announcer.say(plural("announce.caught_up", events.length))
  }

  #heard(event, isNow) {
    const { k, by, d } = event
    if (by && by.name !== this.#me.name) {
      this.#presence.spoke(by.name)
      this.#notify.add()
      const text = d.text ?? ""
      if (isNow && ["message", "command"].includes(k))
        this.#announcer.say(word("announce.message", { name: by.name, text }))
      if (k === "message" && mentions(text).includes(this.#me.name.toLowerCase())) this.#notify.urge(`@${by.name}`)
    }
    if (k === "card" && isNow) this.#offer(d.deployment)
  }

  // A deployment began: show it where there is room and nobody is reading.
  #offer(id) {
    if (!this.#isWide.matches || !this.#panel.isFree) return
    this.#panel.open(id, { isPinned: false })
    this.#app.dataset.pane = "deployment"
    history.replaceState(null, "", format({ pane: "deployment", deployment: id }))
  }

  #told = new Map()

  #deploymentChanged({ state, isComplete }) {
    this.#status.paint()
    if (!isComplete) return
    const before = this.#told.get(state.id)
    this.#told.set(state.id, state.status)
    if (before === undefined || before === state.status) return
    const { id, app, environment } = state
    const text = word("announce.deployment", { id, app, environment, status: word(`status.${state.status}`) })
    const isBad = ["failed", "rolled_back"].includes(state.status)
    if (isBad) this.#announcer.urge(text)
    else this.#announcer.say(text)
    if (hasEnded(state)) this.#notify.add()
    if (isBad) this.#notify.urge(`✕ #${id}`)
  }

  #personEvent(event) {
    if (event.k === "reply") this.#private(event, true)
    if (event.k === "reply.dismissed") this.#dismissed(event.d.q)
  }

  #private(event, isNow = false) {
    const { room, for_cid } = event.d
    if (for_cid) this.#outgoing.settle(for_cid)
    if (event.k !== "reply" || (room && room !== this.#room.id) || this.#privates.has(event.q)) return
    const row = this.#view.privateRow(event, {
      dismiss: () => this.#dismiss(event.q),
      sendAsMessage: (text) => {
        this.#dismiss(event.q)
        this.#outgoing.send(text.replace(/^\//, "//"))
      },
    })
    this.#privates.set(event.q, row)
    this.#timeline.addPrivate(row, event)
    if (isNow) this.#announcer.urge(row.textContent.replace(/\s+/g, " ").trim())
    this.#empty()
  }

  #dismiss(q) {
    this.#connection.send({ t: "dismiss", q })
    this.#dismissed(q)
    this.#composer.focus()
  }

  #dismissed(q) {
    const row = this.#privates.get(q)
    this.#privates.delete(q)
    if (row) this.#timeline.remove(row)
    this.#empty()
  }

  #connectionChanged() {
    this.#status?.changed(this.#connection)
    if (!this.#connection.isOpen) return this.#feed.closed()
    this.#outgoing.reconnected()
    for (const act of this.#whenOpen.splice(0)) act()
    return undefined
  }

  #markRead(q) {
    if (q <= this.#read) return
    this.#read = q
    this.#connection.send({ t: "read", room: this.#room.id, q })
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
    addEventListener("hashchange", () => this.#route())
    document.addEventListener("click", (event) => this.#clicked(event))
    switchThemeWith(find('[data-action="theme"]'))
    this.#listenToKeys()
  }

  #clicked(event) {
    const target = event.target.closest("[data-action], [data-try]")
    if (!target || event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey) return
    const { action, deployment, step, line } = target.dataset
    if (target.dataset.try && action !== "open-deployment") {
      this.#toRoom()
      this.#composer.fill(target.dataset.try)
    } else if (action === "open-deployment" || action === "open-log") {
      event.preventDefault()
      location.hash = format({
        pane: "deployment",
        deployment: Number(deployment),
        step,
        line: line ? Number(line) : null,
      })
      if (parse(location.hash).deployment === this.#panel.id) this.#route()
    }
  }

  // On a narrow screen the field is on another pane.
  #toRoom() {
    if (!this.#isWide.matches && location.hash) location.hash = ""
  }

  #route() {
    const place = parse(location.hash)
    const isFirst = this.#app.dataset.pane === undefined
    this.#app.dataset.pane = place.pane
    if (place.pane === "deployment") this.#panel.open(place.deployment, place)
    else if (place.pane === "room" && isFirst && this.#deployments.live.length)
      this.#offer(this.#deployments.live[0].state.id)
    else if (place.pane === "room" && this.#panel.isOpen) {
      this.#panel.close()
      this.#composer.focus()
    }
  }

  #listenToKeys() {
    const keys = find("#keys")
    const help = find('[data-action="keys"]')
    help.hidden = false
    help.addEventListener("click", () => keys.showModal())
    find('[data-action="close-keys"]').addEventListener("click", () => keys.close())
    listen(
      {
        "/": () => this.#composer.beginCommand(),
        "?": () => keys.showModal(),
        g: () => this.#togglePanel(),
        l: () => this.#panel.log?.focus(),
        f: () => this.#panel.log?.toggleFollowing(),
        j: () => this.#timeline.step(1),
        k: () => this.#timeline.step(-1),
        Escape: (_event, isWriting) => this.#escape(keys, isWriting),
      },
      slot(keys, "letters"),
    )
  }

  #togglePanel() {
    if (this.#panel.isOpen) location.hash = ""
    else {
      const newest = this.#deployments.live[0]?.state.id ?? this.#deployments.newest
      if (newest) location.hash = format({ pane: "deployment", deployment: newest })
    }
  }

  #escape(keys, isWriting) {
    if (keys.open) return false
    if (this.#panel.isOpen && !this.#isWide.matches) location.hash = ""
    else if (!isWriting || document.activeElement.id !== "line") this.#composer.focus()
    return undefined
  }
}

readWords()
usePhrases(json("boot").phrases)
new RoomPage().start()
