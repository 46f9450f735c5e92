import assert from "node:assert/strict"
import { test } from "node:test"
import { apply, blank, faultOf, hasEnded, replay } from "../../static/js/deployment_state.js"
import { Deployments } from "../../static/js/deployments.js"
import { cells } from "../../static/js/fleet.js"
import { byKey, fold, nodeState, servers, withSteps } from "../../static/js/graph_fold.js"
import { batchesOf, batchState, layOut, MOST_BATCHES, MOST_SERVERS, ownOf } from "../../static/js/graph_layout.js"
import { History } from "../../static/js/history.js"
import { rowsOf, telling } from "../../static/js/rows.js"
import { openMoves, outcome, sentence } from "../../static/js/telling.js"
import { dayName, elapsed, hour, took } from "../../static/js/time.js"

const HEAD = ["start", "fetch", "build", "package"]
const ON_SERVER = ["stage", "switch", "restart", "health"]

function planned(names) {
  const steps = HEAD.map((kind, at) => ({ key: kind, kind, parent: HEAD[at - 1] ?? "", server: "" }))
  for (const server of names) {
    ON_SERVER.forEach((kind, at) => {
      steps.push({ key: `${kind}:${server}`, kind, parent: at ? `${ON_SERVER[at - 1]}:${server}` : "package", server })
    })
  }
  return steps
}

function requested(names) {
  const d = { app: "shop", environment: "staging", kind: "deploy", ref: "main", by: "alice", surface: "web" }
  return { k: "deployment.requested", at: "2026-11-27T10:00:00.000Z", d: { ...d, steps: planned(names) } }
}

const moved = (to, reason = "", params = {}) => ({
  k: "deployment.moved",
  at: "2026-11-27T10:01:00.000Z",
  d: { from: "", to, reason, params },
})
const step = (key, to, extra = {}) => ({
  k: "step.moved",
  at: "2026-11-27T10:00:30.000Z",
  d: { key, from: "", to, reason: "", params: {}, attempt: 1, exit_status: null, step_id: 9, lines: 0, ...extra },
})

/** The nodes as chatops/room/graph.py makes them. */
function graphOf(names) {
  const head = HEAD.map((kind, at) => ({ key: kind, kind, text: "", parent: HEAD[at - 1] ?? "", steps: [kind] }))
  return head.concat(
    names.flatMap((name) => [
      {
        key: `server:${name}`,
        kind: "server",
        text: name,
        parent: "package",
        steps: [`stage:${name}`, `switch:${name}`],
      },
      {
        key: `health:${name}`,
        kind: "health",
        text: name,
        parent: `server:${name}`,
        steps: [`restart:${name}`, `health:${name}`],
      },
    ]),
  )
}

const named = (count) => Array.from({ length: count }, (_, at) => `web-${at + 1}`)

test("a state is never changed in place, so that whoever holds it can compare", () => {
  const before = replay(5, [requested(["web-1"])])
  const after = apply(before, step("fetch", "running"))

  assert.notEqual(before, after)
  assert.equal(before.steps[1].status, "pending")
  assert.equal(after.steps[1].status, "running")
})

test("an event of a newer server changes nothing", () => {
  const state = replay(5, [requested(["web-1"])])

  assert.equal(apply(state, { k: "deployment.sung", d: {}, at: "" }), state)
})

test("a step that was added later joins its server's node", () => {
  const names = ["web-1"]
  const state = replay(5, [
    requested(names),
    step("switch:web-1", "succeeded"),
    {
      k: "steps.added",
      at: "",
      d: { steps: [{ key: "back:web-1", kind: "back", parent: "switch:web-1", server: "web-1" }] },
    },
    step("back:web-1", "succeeded"),
  ])
  const graph = withSteps(graphOf(names), state.steps)
  const node = graph.find((each) => each.key === "server:web-1")

  assert.deepEqual(node.steps, ["stage:web-1", "switch:web-1", "back:web-1"])
  assert.ok(nodeState(node, byKey(state)).isBack)
  assert.equal(withSteps(graph, state.steps), graph)
})

test("the fault is the step that the end is about", () => {
  const params = { server: "web-2" }
  const events = [
    step("health:web-1", "failed", { reason: "health_failed", params: { server: "web-1" } }),
    step("health:web-2", "failed", { reason: "health_failed", params }),
  ]
  const state = replay(5, [requested(["web-1", "web-2"]), ...events, moved("failed", "health_failed", params)])

  assert.equal(faultOf(state).key, "health:web-2")
  assert.ok(hasEnded(state))
})

test("a node is as loud as its loudest step", () => {
  assert.equal(fold(["succeeded", "failed", "running"]), "failed")
  assert.equal(fold(["succeeded", "pending"]), "running")
  assert.equal(fold(["pending", "skipped"]), "pending")
  assert.equal(fold(["skipped", "succeeded"]), "succeeded")
  assert.equal(fold(["skipped"]), "skipped")
})

test("the fleet has a cell per server, and few cells for many", () => {
  const state = replay(5, [
    requested(named(3)),
    ...ON_SERVER.map((kind) => step(`${kind}:web-1`, "succeeded")),
    step("stage:web-2", "running"),
  ])

  assert.deepEqual(
    cells(state).cells.map((cell) => cell.tone),
    ["ok", "run", "mute"],
  )
  assert.equal(cells(state).done, 1)
  assert.ok(cells(replay(5, [requested(named(200))])).cells.length <= 40)
})

test("the list has a row for each step, with the servers' rows above theirs", () => {
  const rows = rowsOf(replay(5, [requested(["web-1", "web-2"])])).map((row) => row.key)

  assert.deepEqual(rows.slice(0, 7), [...HEAD, "fleet", "server:web-1", "stage:web-1"])
  assert.equal(rows.length, 4 + 1 + 2 * 5)
})

test("a server's row leads to the step that says most", () => {
  const events = [step("stage:web-1", "succeeded"), step("switch:web-1", "failed"), step("health:web-1", "cancelled")]
  const [server] = servers(replay(5, [requested(["web-1"]), ...events]))

  assert.equal(telling(server).key, "switch:web-1")
})

for (const template of ["panel", "page"]) {
  for (const count of [1, 3, 10, MOST_SERVERS]) {
    for (const width of [360, 435, 620, 900]) {
      test(`no two nodes of a ${template} with ${count} servers overlap at ${width} px, and all are inside`, () => {
        const { boxes, height, width: wide, links } = layOut(graphOf(named(count)), { width, template })

        assert.equal(boxes.length, 4 + 2 * count)
        assert.equal(links.length, boxes.length - 1)
        for (const box of boxes) {
          assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.w <= wide && box.y + box.h <= height, box.key)
          assert.ok(box.y >= 92 || box.x > 180, `${box.key} lies under the library's mark`)
        }
        for (const [at, a] of boxes.entries())
          for (const b of boxes.slice(at + 1)) assert.ok(!overlap(a, b), `${a.key} ${b.key}`)
      })
    }
  }
}

function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

test("many servers stand in at most twelve batches, and an open one shows its own", () => {
  const graph = graphOf(named(200))
  const batches = batchesOf(graph)

  assert.ok(batches.length <= MOST_BATCHES)
  assert.equal(batches.flatMap((batch) => batch.members).length, 200)
  assert.equal(layOut(graph, { width: 435 }).boxes.length, 4 + batches.length)
  const open = layOut(graph, { width: 435, open: batches[1].key })
  assert.equal(open.boxes.length, 4 + batches.length + 2 * batches[1].members.length)
  assert.equal(open.links.find((link) => link.to === batches[1].members[0].key).from, batches[1].key)
})

test("as tiles a thousand servers are all inside, and none on another", () => {
  const { boxes, width, height } = layOut(graphOf(named(1000)), { width: 760, template: "page", view: "tiles" })
  const tiles = boxes.filter((box) => box.category === "tile")
  const places = new Set(tiles.map(({ x, y }) => `${x} ${y}`))

  assert.deepEqual([tiles.length, places.size], [1000, 1000])
  assert.ok(tiles.every(({ x, y, w, h }) => x >= 0 && x + w <= width && y > 92 && y + h <= height))
  assert.ok(height < 1100)
})

test("servers that switch together stand together, in the order in which they switch", () => {
  const graph = graphOf(named(4))
  const { boxes } = layOut(graph, { width: 435, turns: [["web-3"], ["web-1", "web-4", "web-2"]] })
  const servers = boxes.filter((box) => box.category === "server")

  assert.deepEqual(
    servers.map((box) => box.node.text),
    ["web-3", "web-1", "web-4", "web-2"],
  )
  const steps = servers.slice(1).map((box, at) => box.y - servers[at].y)
  assert.ok(steps[0] > steps[1] && steps[1] === steps[2])
})

test("many servers stand in the batches they switch in", () => {
  const names = named(60)
  const turns = [names.slice(0, 1), names.slice(1, 30), names.slice(30)]
  const batches = batchesOf(graphOf(names), turns)

  assert.deepEqual(
    batches.map((batch) => batch.text),
    ["web-1", "web-2 – 30", "web-31 – 60"],
  )
})

test("what switches together is told by an event", () => {
  const told = { k: "deployment.batched", at: "2026-11-27T10:00:10.000Z", d: { batches: [["web-1"], ["web-2"]] } }

  assert.deepEqual(replay(5, [requested(["web-1", "web-2"]), told]).batches, [["web-1"], ["web-2"]])
})

test("a batch is as loud as its loudest server", () => {
  const graph = graphOf(named(100))
  const [first, second] = batchesOf(graph)
  const statusOf = (node) => (node.key === "health:web-3" ? "failed" : "succeeded")

  const own = ownOf([first, second], graph)
  assert.deepEqual(batchState(own.get(first.key), statusOf), { status: "failed", done: first.members.length - 1 })
  assert.deepEqual(batchState(own.get(second.key), statusOf), { status: "succeeded", done: second.members.length })
})

test("durations read as people say them", () => {
  assert.deepEqual([0, 3_240, 9_940, 9_960, 48_000, 112_000, 3_723_000].map(took), [
    "0.0 s",
    "3.2 s",
    "9.9 s",
    "10 s",
    "48 s",
    "1:52",
    "1:02:03",
  ])
  assert.deepEqual([-50, 999, 61_999].map(elapsed), ["0 s", "0 s", "1:01"])
})

test("times are the reader's", () => {
  const words = { today: "Today", yesterday: "Yesterday" }
  const at = "2026-11-27T23:30:00.000Z"

  assert.equal(hour(at, "en", "Asia/Shanghai"), "07:30")
  assert.equal(dayName(at, "2026-11-28T01:00:00Z", "en", words, "Asia/Shanghai"), "Today")
  assert.equal(dayName(at, "2026-11-28T01:00:00Z", "en", words, "UTC"), "Yesterday")
  assert.equal(dayName(at, "2026-12-01T12:00:00Z", "en", words, "UTC"), "Friday")
  assert.equal(dayName(at, "2027-03-01T12:00:00Z", "en", words, "UTC"), "November 27, 2026")
})

test("earlier lines come back by the arrow, and so does what was being written", () => {
  const kept = new Map()
  const store = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }
  const history = new History("lines:7", store)
  for (const line of ["one", "two", "two"]) history.add(line)

  assert.equal(history.older("dra"), "two")
  assert.equal(history.older("two"), "one")
  assert.equal(history.older("one"), null)
  assert.equal(history.newer(), "two")
  assert.equal(history.newer(), "dra")
  assert.equal(history.newer(), null)
  assert.equal(new History("lines:7", store).older(""), "two")
})

test("what an old card says of a deployment does not make it one that runs", () => {
  globalThis.requestAnimationFrame ??= () => 0
  const known = new Deployments({ follow() {}, isFollowing: () => false })
  const said = { app: "shop", environment: "staging", ref: "main", by: "alice" }

  known.mention(1, said, new Date(Date.now() - 3_600_000).toISOString())
  known.mention(2, said, new Date().toISOString())
  assert.deepEqual(
    known.live.map(({ state }) => state.id),
    [2],
  )
  const old = known.get(1).state
  assert.deepEqual([...openMoves(old)], [])
  assert.equal(sentence(old), "")

  known.adopt({ ...old, status: "running", q: 5, graph: [] }, "e")
  assert.ok(openMoves(known.get(1).state).has("cancel"))
  assert.deepEqual(
    known.live.map(({ state }) => state.id),
    [2, 1],
  )
})

test("a deployment that is not there says so to whoever watches it, and is forgotten", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  globalThis.requestAnimationFrame ??= () => 0
  const streams = new Map()
  const feed = { follow: (name, edges) => streams.set(name, edges), isFollowing: (name) => streams.has(name) }
  const gone = []
  const shown = []
  const known = new Deployments(feed, (id) => gone.push(id))

  known.want(7)
  known.watch(7, ({ state }) => shown.push(state.status))
  streams.get("deployment:7").gone()
  t.mock.timers.tick(200)

  assert.deepEqual(gone, [7])
  assert.deepEqual(shown, ["unheard", "gone"])
  assert.deepEqual([known.get(7), known.newest, known.live], [undefined, null, []])
  assert.deepEqual(outcome({ ...blank(7), status: "gone" }), { text: "gone", tone: "mute" })
})

test("a deployment that is over is known as long as it is shown, and the newest for a key that opens it", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  globalThis.requestAnimationFrame ??= () => 0
  const known = new Deployments({ follow() {}, leave() {}, isFollowing: () => false })
  const over = (id) => known.adopt({ ...blank(id), status: "succeeded", q: 9, graph: [] }, "e")
  const shown = []
  for (const id of [1, 2, 3]) over(id)
  const stop = known.watch(1, ({ state }) => shown.push(state.id))

  t.mock.timers.tick(200)
  assert.deepEqual([1, 2, 3].map((id) => Boolean(known.get(id))), [true, false, true])
  stop()

  assert.equal(known.get(1), undefined)
  assert.deepEqual(shown, [1, 1])
  over(1)
  assert.ok(known.get(1))
})

test("who cannot draw a deployment keeps nobody else from it", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  globalThis.requestAnimationFrame ??= () => 0
  const reported = []
  globalThis.reportError = (error) => reported.push(error.message)
  t.after(() => delete globalThis.reportError)
  const known = new Deployments({ follow() {}, leave() {}, isFollowing: () => false })
  const shown = []
  known.watch(1, () => {
    throw new Error("broken")
  })
  known.watchAll(({ state }) => shown.push(state.id))

  known.adopt({ ...blank(1), status: "running", q: 9, graph: [] }, "e")
  t.mock.timers.tick(200)

  assert.deepEqual([shown, reported], [[1], ["broken"]])
})

test("a picture of another life counts, however far that is", () => {
  globalThis.requestAnimationFrame ??= () => 0
  const known = new Deployments({ follow() {}, leave() {}, isFollowing: () => true })
  known.adopt({ ...blank(1), status: "running", q: 9, graph: [] }, "k1")

  known.adopt({ ...blank(1), status: "queued", q: 3, graph: [] }, "k1")
  assert.equal(known.get(1).state.status, "running")
  known.adopt({ ...blank(1), status: "queued", q: 3, graph: [] }, "k2")

  assert.equal(known.get(1).state.status, "queued")
})
