// The page of one deployment, kept live from its stream.

import "./page.js"
import { Announcer } from "./announcer.js"
import { paintChip } from "./chip.js"
import { Connection } from "./connection.js"
import { Deployments } from "./deployments.js"
import { DeploymentView } from "./deployment_view.js"
import { csrf, json, setHidden, setText, slots } from "./dom.js"
import { Feed } from "./feed.js"
import { moves, sentence, short } from "./telling.js"
import { clock, showTook } from "./ticker.js"
import { moment } from "./time.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { urlsFrom } from "./urls.js"
import { dayWords, language, plural, usePhrases } from "./words.js"

const boot = json("boot")
const { e: epoch, state } = boot.deployment
const root = document.getElementById("deployment")
const into = slots(root)

usePhrases(boot.phrases)
clock.learn(boot.now)

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
feed.use(connection).on("welcome", ({ now }) => clock.learn(now))

feed.on("progress", (frame) => view.progress(frame))

const announcer = new Announcer()
const view = new DeploymentView(root, "page", {
  feed,
  urls: urlsFrom(boot.urls),
  say: (text) => announcer.say(text),
  picked: (step, line) => history.replaceState(null, "", `#${step.key}${line ? `/L${line}` : ""}`),
})

function paint(entry) {
  const now = entry.state
  root.dataset.status = now.status
  paintChip(into.status, now.status)
  setText(into.lede, sentence(now))
  setText(into.revision, short(now.revision) || "–")
  setText(into.before, short(now.previous_revision) || "–")
  setText(into.commits, now.commits ? plural("commits", now.commits) : "")
  if (now.started_at) {
    into.started.dateTime = now.started_at
    setText(into.started, moment(now.started_at, clock.now(), language, dayWords()))
  }
  showTook(into.took, now.started_at, now.finished_at)
  for (const [name, isOpen] of Object.entries(moves(now))) if (into[name]) setHidden(into[name], !isOpen)
  view.update(entry)
}

/** `#restart:web-1/L88` opens that log at that line. */
function route() {
  const match = /^#([a-z]+(?::[^/]+)?)(?:\/L(\d+))?$/.exec(decodeURIComponent(location.hash))
  if (match) view.want(match[1], match[2] ? Number(match[2]) : null)
}

const deployments = new Deployments(feed)
into.steps.replaceChildren()
deployments.adopt(state, epoch)
deployments.watch(state.id, paint)
route()
addEventListener("hashchange", route)
addEventListener("online", () => connection.retry())
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connection.retry())
connection.start()
