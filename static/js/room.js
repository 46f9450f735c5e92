// The room's page: reads what the server wrote into it, and wires the parts together.

import "./trusted_types.js"
import { Announcer } from "./announcer.js"
import { Cards } from "./card.js"
import { Composer } from "./composer.js"
import { Connection } from "./connection.js"
import { ConfirmView } from "./confirm_view.js"
import { ConnectionView } from "./connection_view.js"
import { Deployments } from "./deployments.js"
import { csrf, json, setHidden, setText, slot } from "./dom.js"
import { isCalled } from "./alerts.js"
import { Bell } from "./bell.js"
import { EventView } from "./event_view.js"
import { Feed } from "./feed.js"
import { Find } from "./find.js"
import { Hearing } from "./hearing.js"
import { tellingLine } from "./log_lines.js"
import { MessageTools } from "./message_tools.js"
import { Navigation } from "./navigation.js"
import { News } from "./news.js"
import { Notify } from "./notify.js"
import { Outgoing } from "./outgoing.js"
import { Panel } from "./panel.js"
import { Pinned } from "./pinned.js"
import { Presence } from "./presence.js"
import { Privates } from "./privates.js"
import { Running } from "./running.js"
import { Speaker } from "./speaker.js"
import { switchThemeWith } from "./theme.js"
import { clock } from "./ticker.js"
import { Timeline } from "./timeline.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { Unfurl } from "./unfurl.js"
import { urlsFrom } from "./urls.js"
import { Watchers } from "./watchers.js"
import { language, plural, readWords, usePhrases, word } from "./words.js"

/** Why nothing can be sent any more, by the connection's state. */
const NO_MORE = { ended: "ended_more", removed: "removed", outdated: "outdated" }

const find = (selector) => document.querySelector(selector)

class RoomPage {
  #boot = json("boot")
  #me = this.#boot.you
  #room = this.#boot.room
  #urls = urlsFrom(this.#boot.urls)
  #announcer = new Announcer()
  #notify = new Notify()
  #hearing = new Hearing(this.#announcer, this.#notify, this.#me.name)
  #speaker = new Speaker(this.#room.id, (url) => location.assign(url))
  #news = new News(this.#me, this.#boot.alerts, { speaker: this.#speaker, notify: this.#notify, urls: this.#urls })
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
  #watchers
  #pinned
  #bell

  #connect() {
    const { socket, poll, send } = this.#boot.urls
    const polling = overPolling({ poll, send, csrf, cursors: () => this.#feed.cursors() })
    this.#feed = new Feed({ tab: crypto.randomUUID(), lang: language, room: this.#stream }, polling.poke)
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
      .on("watching", (frame) => this.#watchers.heard(frame))
      .on("read", ({ room, q }) => this.#wasRead(room, q))
  }

  // On another page or device of the reader.
  #wasRead(room, q) {
    this.#news.read(room)
    if (room === this.#room.id) this.#read = Math.max(this.#read, q)
  }

  // Who came and went while we were away is told by nobody.
  async #welcomed(now) {
    clock.learn(now)
    this.#watchers.tell()
    try {
      const { state } = await this.#feed.ask({ t: "snapshot", s: this.#stream })
      this.#presence.show(state.people ?? [])
    } catch {
      // the next welcome asks again
    }
  }

  #draw() {
    const context = {
      me: this.#me.name,
      urls: this.#urls,
      isCalled: (name) => isCalled(name, this.#me, this.#news.wants),
    }
    const unfurl = new Unfurl((links) => this.#askWhenOpen({ t: "unfurl", links }), this.#boot.urls.log)
    this.#cards = new Cards(this.#deployments, {
      urls: this.#urls,
      excerpt: (step) => this.#excerpt(step),
      run: (line) => this.#outgoing.send(line),
      canAct: () => this.#connection.isOpen,
    })
    this.#view = new EventView(
      context,
      this.#cards,
      new ConfirmView(this.#deployments, (line) => this.#outgoing.send(line)),
      unfurl,
    )
    this.#composer = new Composer(
      find("#composer"),
      { room: this.#room.id, limit: this.#boot.limits?.text ?? 8000 },
      {
        whyNot: () => (this.#connection.isOver ? word(NO_MORE[this.#connection.state]) : ""),
        send: (text, reply) => this.#outgoing.send(text, reply),
        edit: (id, text) => this.#outgoing.edit(id, text),
        lines: async () => (await this.#askWhenOpen({ t: "lines", room: this.#room.id })).lines,
        complete: (text, caret) => this.#feed.ask({ t: "complete", room: this.#room.id, text, caret }),
        typing: (isOn) => this.#connection.send({ t: "typing", room: this.#room.id, on: isOn }),
        down: () => this.#timeline.toBottom(),
      },
    )
    this.#timeline = new Timeline(find("#timeline"), find("#scroll"), {
      view: this.#view,
      me: this.#me.name,
      range: (which) => this.#askWhenOpen({ t: "range", s: this.#stream, limit: 50, ...which }),
      lost: () => this.#composer.say(word("event_gone")),
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
      opened: (id) => this.#watchers.look(id),
    })
    this.#watchers = new Watchers(this.#me, this.#cards, find('[data-slot="watching"]'), (frame) => this.#connection.send(frame))
    this.#privates = new Privates(this.#room.id, {
      view: this.#view,
      timeline: this.#timeline,
      outgoing: this.#outgoing,
      send: (frame) => this.#connection.send(frame),
      urge: (text) => this.#announcer.urge(text),
      say: (text) => this.#composer.say(text),
      changed: () => this.#empty(),
      focus: () => this.#composer.focus(),
    })
    const tools = new MessageTools(find("#timeline"), this.#timeline, {
      me: this.#me,
      isManager: () => this.#room.is_manager,
      mayWrite: () => !find("#composer").hidden,
      answer: ({ q, by, d }) => this.#composer.answer({ id: d.id, q, by: by.name, text: d.text }),
      edit: ({ d }) => this.#composer.edit({ id: d.id, text: d.text }),
      remove: ({ d }) => this.#outgoing.remove(d.id),
      said: (text) => this.#composer.say(text),
      words: { copied: word("copied") },
    })
    const finder = new Find(find("#find"), {
      search: (question) => this.#feed.ask({ t: "search", ...question }),
      urls: this.#urls,
      room: this.#room,
    })
    this.#pinned = new Pinned(find("#pinned"), { urls: this.#urls, canUnpin: () => this.#room.is_manager })
    this.#bell = new Bell(find("#bell"), this.#room.id, this.#speaker, {
      wants: () => this.#news.wants,
      setLevel: (level) => this.#feed.ask({ t: "level", room: this.#room.id, level }),
    })
    this.#navigation = new Navigation(find("#app"), {
      tools,
      find: finder,
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

  async #askWhenOpen(frame) {
    if (!this.#connection.isOpen) await new Promise((resolve) => this.#whenOpen.push(resolve))
    return this.#feed.ask(frame)
  }

  // From the pictures in the page, or, where there is none, from those the server sends.
  #follow() {
    const { room_stream: room, person_stream: person } = this.#boot
    if (room) this.#restart(room, 0, this.#read)
    if (room) this.#offerJump(room.last[0]?.q ?? 0)
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
      { apply: (events) => events.forEach((event) => this.#personEvent(event)), restart() {} },
      person && { e: person.e, q: person.q },
    )
    for (const each of this.#boot.rooms ?? []) this.#news.follow(this.#feed, each)
    this.#deployments.watchAll((entry) => {
      this.#hearing.deployment(entry)
      this.#status.paint()
    })
  }

  // More is unread than what is loaded: the way up to where it begins.
  #offerJump(first) {
    const button = find('[data-action="jump"]')
    const count = this.#boot.unread
    if (!count || this.#read < 1 || first <= this.#read + 1) return
    setText(slot(button, "count"), plural("jump", count))
    setHidden(button, false)
    const from = this.#read + 1
    button.addEventListener("click", () => {
      setHidden(button, true)
      this.#timeline.show(from)
    })
  }

  #personEvent(event) {
    if (event.k === "alerts") {
      this.#news.learn(event.d)
      this.#bell.paint()
    } else if (event.k === "membership") this.#membership(event.d)
    else this.#privates.heard(event, { isNow: true })
    // What one watches from outside its rooms, and what asks one to confirm, calls as an announcement does.
    const isTold = event.k === "reply" && !event.d.for_cid && event.d.deployment
    if (isTold) this.#news.tell([{ ...event, k: "announcement", by: null, q: null }], this.#room)
  }

  #membership({ room, slug, is_in: isIn }) {
    if (room === this.#room.id) return
    const row = find(`.rail [data-room="${room}"]`)
    if (!isIn) row?.closest("li").remove()
    else if (!row) this.#privates.note(word("you_joined", { room: slug }))
  }

  #restart({ e, state, last }, missed, read = null) {
    this.#pinned.show(state.pinned)
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
    this.#changed(events)
    this.#news.tell(events, this.#room)
    const isNow = this.#hearing.events(events)
    const card = events.findLast((event) => event.k === "card")
    if (isNow && card) this.#navigation.offer(card.d.deployment)
  }

  #changed(events) {
    for (const { k, q, by, at, d } of events) {
      if (k === "topic.changed") setText(find(".room__topic"), d.topic)
      if (k === "room.changed") setHidden(find("#composer"), d.is_announcements && !this.#room.is_manager)
      if (k === "announcement" && d.code === "announce.said") this.#pinned.show({ q, at, by: d.params.by, text: d.params.text })
      if (k === "announcement.unpinned") this.#pinned.show(null)
    }
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
    this.#connection.close("removed")
  }

  /** The line of a failed step's log that says most; asked once per step. */
  #excerpt(step) {
    const key = `${step.step_id}/${step.lines}`
    if (!this.#excerpts.has(key)) this.#excerpts.set(key, this.#askExcerpt(step))
    return this.#excerpts.get(key)
  }

  async #askExcerpt({ step_id: id, lines }) {
    const { events } = await this.#askWhenOpen({ t: "range", s: `log:${id}`, before: lines + 1, limit: 40 })
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
