// The page of one deployment, kept live from its stream, and taken back to any moment of it.

import "./page.js"
import { Announcer } from "./announcer.js"
import { ChangesView } from "./changes_view.js"
import { paintChip } from "./chip.js"
import { Connection } from "./connection.js"
import { ConsentView } from "./consent.js"
import { Deployments } from "./deployments.js"
import { DeploymentView } from "./deployment_view.js"
import { csrf, json, setHidden, setText, slots } from "./dom.js"
import { Feed } from "./feed.js"
import { withSteps } from "./graph_fold.js"
import { MovesView } from "./moves_view.js"
import { ReplayView } from "./replay_view.js"
import { ServersView } from "./servers_view.js"
import { sentence, short } from "./telling.js"
import { clock, showTook } from "./ticker.js"
import { moment } from "./time.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { urlsFrom } from "./urls.js"
import { Watchers } from "./watchers.js"
import { dayWords, language, plural, usePhrases } from "./words.js"

const boot = json("boot")
const { e: epoch, state: first } = boot.deployment
const root = document.getElementById("deployment")
const into = slots(root)

usePhrases(boot.phrases)
clock.learn(boot.now)

const urls = urlsFrom(boot.urls)
const logPage = (key) => urls.logPage(first.id, key)
const ask = (address) => fetch(address, { headers: { Accept: "application/json" } }).then((answer) => answer.json())

const { socket, poll, send } = boot.urls
const polling = overPolling({ poll, send, csrf, cursors: () => feed.cursors() })
const feed = new Feed({ tab: crypto.randomUUID(), lang: language }, polling.poke)
const connection = new Connection(
  { socket: overSocket(socket), poll: polling },
  {
    hello: () => feed.hello(),
    frame: (frame) => feed.frame(frame),
    changed: () => connection.isOpen || feed.closed(),
  },
  { heartbeatMs: boot.heartbeat_ms },
)
const watchers = new Watchers(
  boot.you,
  {
    watched(_, text) {
      setText(into.watch, text)
      setHidden(into.watch.parentElement, !text)
    },
  },
  null,
  (frame) => connection.send(frame),
)
feed
  .use(connection)
  .on("welcome", ({ now }) => {
    clock.learn(now)
    watchers.look(first.id)
  })
  .on("watching", (frame) => watchers.heard(frame))
feed.on("progress", (frame) => replay.isPast || view.progress(frame))

const announcer = new Announcer()
const view = new DeploymentView(root, "page", {
  feed,
  urls,
  say: (text) => announcer.say(text),
  picked: (step, line) => history.replaceState(null, "", `#${step.key}${line ? `/L${line}` : ""}`),
})
const moves = new MovesView(root.querySelector(".moves--deployment"))
const consent = new ConsentView(into.consent)
const changes = new ChangesView(into.changes, () => ask(boot.pages.changes), first.revision)
const table = into.servers ? new ServersView(into.servers, into["servers-done"], logPage) : null
const replay = new ReplayView(root, {
  journal: (after) => ask(`${boot.pages.journal}?after=${after}`),
  shows: (state, ms) => show(state ?? live.state, ms),
})
let live = null

function update(entry) {
  live = entry
  moves.update(entry.state)
  changes.update(entry.state)
  replay.update(entry)
  if (!replay.isPast) show(entry.state, null)
}

/** Paint a state: the live one, or that of the moment `ms`. */
function show(state, ms) {
  clock.hold(ms)
  root.dataset.status = state.status
  root.classList.toggle("is-past", ms !== null)
  paintChip(into.status, state.status)
  setText(into.lede, sentence(state))
  setText(into.revision, short(state.revision) || "–")
  setText(into.before, short(state.previous_revision) || "–")
  setText(into.commits, state.commits ? plural("commits", state.commits) : "")
  if (state.started_at) {
    into.started.dateTime = state.started_at
    setText(into.started, moment(state.started_at, clock.now(), language, dayWords()))
  } else setText(into.started, "–")
  showTook(into.took, state.started_at, state.finished_at)
  if (!state.started_at) setText(into.took, "–")
  consent.update(state)
  table?.update(state, ms !== null)
  view.update({ state, graph: ms === null ? live.graph : withSteps(live.graph, state.steps) }, ms)
}

/** `#restart:web-1/L88` opens that log at that line. */
function route() {
  const match = /^#([a-z]+(?::[^/]+)?)(?:\/L(\d+))?$/.exec(decodeURIComponent(location.hash))
  if (match) view.want(match[1], match[2] ? Number(match[2]) : null)
}

const deployments = new Deployments(feed)
into.steps.replaceChildren()
deployments.adopt(first, epoch)
deployments.watch(first.id, update)
route()
if (boot.moment) replay.show(Date.parse(boot.moment))
addEventListener("hashchange", route)
addEventListener("online", () => connection.retry())
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connection.retry())
connection.start()
