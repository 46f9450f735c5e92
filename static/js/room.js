// The room's page: reads what the server wrote into it, and wires the parts together.

import "./trusted_types.js"
import { Announcer } from "./announcer.js"
import { Asking, Excerpts } from "./asking.js"
import { Cards } from "./card.js"
import { Composer } from "./composer.js"
import { ConfirmView } from "./confirm_view.js"
import { ConnectionView } from "./connection_view.js"
import { contain } from "./contain.js"
import { Deployments } from "./deployments.js"
import { json, setHidden, slot } from "./dom.js"
import { isCalled } from "./alerts.js"
import { EventView } from "./event_view.js"
import { Find } from "./find.js"
import { Hearing } from "./hearing.js"
import { live } from "./live.js"
import { MessageTools } from "./message_tools.js"
import { Navigation } from "./navigation.js"
import { News } from "./news.js"
import { Notify } from "./notify.js"
import { Outgoing } from "./outgoing.js"
import { Panel } from "./panel.js"
import { Presence } from "./presence.js"
import { Privates } from "./privates.js"
import { RoomEvents } from "./room_events.js"
import { RoomHead } from "./room_head.js"
import { Running } from "./running.js"
import { Speaker } from "./speaker.js"
import { switchThemeWith } from "./theme.js"
import { clock } from "./ticker.js"
import { Timeline } from "./timeline.js"
import { Unfurl } from "./unfurl.js"
import { urlsFrom } from "./urls.js"
import { Watchers } from "./watchers.js"
import { readWords, usePhrases, word } from "./words.js"

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

  start() {
    clock.learn(this.#boot.now)
    this.#connect()
    this.#deployments = new Deployments(this.#feed)
    this.#draw()
    contain(() => this.#outgoing.resume())
    contain(() => this.#events.follow())
    this.#deployments.watchAll((entry) => {
      this.#hearing.deployment(entry)
      this.#status.paint()
    })
    this.#listen()
    this.#connection.start() // before what an address may ask for
    this.#navigation.route()
  }

  #feed
  #asking
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
  #events

  #connect() {
    const { feed, connection } = live(this.#boot, { room: this.#stream, changed: () => this.#connectionChanged() })
    this.#feed = feed
    this.#connection = connection
    this.#asking = new Asking(this.#feed, () => this.#connection.isOpen)
    this.#feed
      .on("welcome", ({ now }) => this.#welcomed(now))
      .on("pong", ({ now }) => clock.learn(now))
      .on("ack", (frame) => this.#outgoing.acked(frame))
      .on("err", (frame) => this.#outgoing.refused(frame))
      .on("presence", ({ room, people }) => room === this.#room.id && this.#presence.changed(people))
      .on("typing", ({ room, people }) => room === this.#room.id && this.#presence.showTyping(people))
      .on("progress", (frame) => this.#panel.progress(frame))
      .on("watching", (frame) => this.#watchers.heard(frame))
      .on("read", ({ room, q }) => this.#events.wasRead(room, q))
  }

  // Who came and went while we were away is told by nobody.
  async #welcomed(now) {
    clock.learn(now)
    this.#watchers.renew()
    this.#presence.showTyping([])
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
    const unfurl = new Unfurl((links) => this.#asking.ask({ t: "unfurl", links }), this.#boot.urls.log)
    const excerpts = new Excerpts(this.#asking)
    this.#cards = new Cards(this.#deployments, {
      urls: this.#urls,
      excerpt: (step) => excerpts.of(step),
      run: (line) => this.#outgoing.send(line),
      say: (text) => this.#announcer.urge(text),
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
      { store: `${this.#me.id}:${this.#room.id}`, limit: this.#boot.limits?.text ?? 8000 },
      {
        whyNot: () => (this.#connection.isOver ? word(NO_MORE[this.#connection.state]) : ""),
        send: (text, reply) => this.#outgoing.send(text, reply),
        edit: (id, text) => this.#outgoing.edit(id, text),
        lines: async () => (await this.#asking.ask({ t: "lines", room: this.#room.id })).lines,
        complete: (text, caret) => this.#feed.ask({ t: "complete", room: this.#room.id, text, caret }),
        typing: (isOn) => this.#connection.send({ t: "typing", room: this.#room.id, on: isOn }),
        down: () => this.#down(),
      },
    )
    this.#timeline = new Timeline(find("#timeline"), find("#scroll"), {
      view: this.#view,
      me: this.#me.name,
      range: (which) => this.#asking.ask({ t: "range", s: this.#stream, limit: 50, ...which }),
      lost: () => this.#composer.say(word("event_gone")),
      read: (q) => this.#events.markRead(q),
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
    })
    const finder = new Find(find("#find"), {
      search: (question) => this.#feed.ask({ t: "search", ...question }),
      urls: this.#urls,
      room: this.#room,
    })
    const parts = {
      topic: find(".room__topic"),
      pinned: find("#pinned"),
      bell: find("#bell"),
      composer: find("#composer"),
      readOnly: find("#read-only"),
    }
    const head = new RoomHead(this.#room, parts, this.#speaker, {
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
    this.#events = new RoomEvents(this.#boot, {
      feed: this.#feed,
      connection: this.#connection,
      timeline: this.#timeline,
      deployments: this.#deployments,
      presence: this.#presence,
      outgoing: this.#outgoing,
      privates: this.#privates,
      head,
      news: this.#news,
      hearing: this.#hearing,
      navigation: this.#navigation,
      changed: () => this.#empty(),
    })
  }

  get #stream() {
    return `room:${this.#room.id}`
  }

  // To the newest; a reload shall not go back to the message that one came for.
  #down() {
    if (location.hash.startsWith("#e")) history.replaceState(null, "", "#")
    return this.#timeline.toBottom()
  }

  #connectionChanged() {
    this.#status?.changed(this.#connection)
    if (!this.#connection.isOpen) return
    this.#outgoing.reconnected()
    this.#events.markRead(0)
    this.#asking.opened()
  }

  #empty() {
    const isEmpty = this.#timeline.isEmpty
    setHidden(find("#empty"), !isEmpty)
    setHidden(find("#timeline"), isEmpty)
  }

  #listen() {
    document.addEventListener("visibilitychange", () =>
      this.#connection.send({ t: "presence", visible: document.visibilityState === "visible" }),
    )
    switchThemeWith(find('[data-action="theme"]'))
  }
}

readWords()
usePhrases(json("boot").phrases)
new RoomPage().start()
