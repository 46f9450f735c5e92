// The page of one deployment, kept live from its stream, and taken back to any moment of it.

import "./page.js"
import { Announcer } from "./announcer.js"
import { ChangesView } from "./changes_view.js"
import { paintChip } from "./chip.js"
import { ConnectionView } from "./connection_view.js"
import { ConsentView } from "./consent.js"
import { Deployments } from "./deployments.js"
import { DeploymentView } from "./deployment_view.js"
import { json, setHidden, setText, slot, slots } from "./dom.js"
import { withSteps } from "./graph_fold.js"
import { Hearing } from "./hearing.js"
import { ask } from "./inquiry.js"
import { live } from "./live.js"
import { MovesView } from "./moves_view.js"
import { hearRooms } from "./outside.js"
import { ReplayView } from "./replay_view.js"
import { decoded } from "./route.js"
import { ServersView } from "./servers_view.js"
import { sentence, short } from "./telling.js"
import { clock, showTook } from "./ticker.js"
import { moment } from "./time.js"
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

const status = new ConnectionView(
  { label: slot(document.querySelector(".rail"), "connection"), banner: document.getElementById("banner"), app: root },
  { isBehind: () => feed.isBehind, retry: () => connection.retry() },
)
const { feed, connection } = live(boot, { changed: () => status.changed(connection) })
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
  .on("welcome", ({ now }) => {
    clock.learn(now)
    watchers.renew()
  })
  .on("watching", (frame) => watchers.heard(frame))
feed.on("progress", (frame) => replay.isPast || view.progress(frame))

watchers.look(first.id)

const announcer = new Announcer()
const hearing = new Hearing(announcer, hearRooms(boot, feed, urls), boot.you.name)
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
  shows: (state, ms) => show(state ?? latest.state, ms),
})
let latest = null

function update(entry) {
  latest = entry
  hearing.deployment(entry)
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
  view.update({ state, graph: ms === null ? latest.graph : withSteps(latest.graph, state.steps) }, ms)
}

/** `#restart:web-1/L88` opens that log at that line. */
function route() {
  const match = /^#([a-z]+(?::[^/]+)?)(?:\/L(\d+))?$/.exec(decoded(location.hash))
  if (match) view.want(match[1], match[2] ? Number(match[2]) : null)
}

// What one may not see any more is not there: the page of the server says so.
const deployments = new Deployments(feed, () => location.reload())
into.steps.replaceChildren()
deployments.adopt(first, epoch)
deployments.watch(first.id, update)
connection.start() // before what an address may ask for
route()
if (boot.moment) replay.show(Date.parse(boot.moment))
addEventListener("hashchange", route)
