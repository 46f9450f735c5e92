import assert from "node:assert/strict"
import { test } from "node:test"
import { plain, runs } from "../../static/js/ansi.js"
import { accept, isCommand, isConsole, toSend } from "../../static/js/line.js"
import { holds, Lines, MOST, tellingLine } from "../../static/js/log_lines.js"
import { tabsOf } from "../../static/js/log_tabs.js"
import { blocks, mentions, tokens } from "../../static/js/markup.js"
import { format, parse } from "../../static/js/route.js"
import { fill, inRuns } from "../../static/js/words.js"

const E = "\u001b"

test("colours of a log become classes and end where they end", () => {
  assert.deepEqual(runs(`${E}[1;32mok${E}[0m compiled`), [
    { text: "ok", classes: ["a-1", "a-32"] },
    { text: " compiled", classes: [] },
  ])
  assert.deepEqual(runs(`${E}[31mred${E}[91mbright${E}[39mnone`), [
    { text: "red", classes: ["a-31"] },
    { text: "bright", classes: ["a-31"] },
    { text: "none", classes: [] },
  ])
  assert.deepEqual(runs(`${E}[38;5;2mgreen${E}[38;2;1;2;3mstays`)[0].classes, ["a-32"])
})

test("every escape but colours is dropped, and with it whatever tries to be more than text", () => {
  assert.equal(plain(`a${E}]0;title\u0007b${E}[2Kc${E}[?25ld${E}Pqe${E}\\f`), "abcdf")
  assert.equal(plain("x\u202ey\u0000z\u009b"), "xyz")
  assert.equal(plain("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>")
})

test("a progress line shows its last state", () => {
  assert.equal(plain("10 %\r50 %\r100 %\r"), "100 %")
})

test("chat text becomes tokens", () => {
  const types = tokens("see `a*b*` **now** *so* ~~not~~ https://example.org/a_(b). @bob #42").map((token) => token.type)
  assert.deepEqual(
    types.filter((type) => type !== "text"),
    ["code", "bold", "italic", "struck", "link", "mention", "number"],
  )
})

test("a deployment may be named with a moment", () => {
  const [found] = tokens("#42@13:04:07, then").filter((token) => token.type === "number")

  assert.deepEqual([found.text, found.number, found.moment], ["#42@13:04:07", 42, "13:04:07"])
  assert.equal(tokens("#42@25:00")[0].moment, "")
  assert.equal(tokens("#42@bob")[0].text, "#42")
})

test("a link ends before the sentence does, and only the web is linked", () => {
  assert.equal(tokens("at https://example.org/a?b=1, then")[1].href, "https://example.org/a?b=1")
  assert.deepEqual(
    tokens("javascript:alert(1) file:///etc/passwd").map((token) => token.type),
    ["text"],
  )
})

test("what looks like a mark inside a word, an address or code is left alone", () => {
  assert.deepEqual(
    tokens("2*3*4 a@b.example C#1 &#39; /#5").map((token) => token.type),
    ["text"],
  )
  assert.deepEqual(mentions("`@bob` and @carol"), ["carol"])
  assert.deepEqual(mentions("see **@Bob**, @dave.smith and @oncall. mail x@y.example"), ["bob", "dave.smith", "oncall"])
  assert.deepEqual(tokens("thanks @bob.").map(({ text }) => text), ["thanks ", "@bob", "."])
})

test("a fence keeps its lines as they are", () => {
  assert.deepEqual(blocks("look\n```sh\nls *.py\n```\nthere"), [
    { type: "text", tokens: [{ type: "text", text: "look" }] },
    { type: "fence", text: "ls *.py" },
    { type: "text", tokens: [{ type: "text", text: "there" }] },
  ])
})

test("marks that turn the reading direction are dropped", () => {
  assert.equal(tokens(blocks("a\u202eb")[0].tokens[0].text)[0].text, "ab")
})

test("a command is told from talk", () => {
  for (const line of ["/deploy shop", "/usr/bin", ".deploy shop", "!lock", "@chatops where", "hubot help"]) {
    assert.ok(isCommand(line), line)
  }
  for (const line of ["//deploy", " /deploy", "...and", "hello /deploy", "!", ".5"]) assert.ok(!isCommand(line), line)
  assert.ok(isConsole("/deploy") && !isConsole("//x") && !isConsole(".deploy"))
})

test("an empty line is nothing to send", () => {
  assert.equal(toSend(" \n "), null)
  assert.equal(toSend(" indented\n"), " indented")
})

test("a completion takes the place of what was typed", () => {
  assert.deepEqual(accept("/dep", { from: 1, to: 4 }, "deploy"), { text: "/deploy ", caret: 8 })
  assert.deepEqual(accept("/deploy sh to staging", { from: 8, to: 10 }, "shop"), {
    text: "/deploy shop to staging",
    caret: 13,
  })
})

test("an address names a place and a place an address", () => {
  for (const place of [
    { pane: "room" },
    { pane: "rooms" },
    { pane: "deployment", deployment: 5, step: null, line: null },
    { pane: "deployment", deployment: 5, step: "restart:web-1", line: null },
    { pane: "deployment", deployment: 5, step: "health:web/2 ö", line: 88 },
  ]) {
    assert.deepEqual(parse(format(place)), place)
  }
  assert.deepEqual(parse("#say=/cancel%20%235"), { pane: "room", say: "/cancel #5" })
  assert.deepEqual(parse("#say=%E4%BD"), { pane: "room", say: "%E4%BD" })
  assert.equal(parse("#line"), null)
  assert.equal(parse("#deployment-x"), null)
  assert.equal(parse("#deployment-99999999999"), null)
})

test("places of a sentence are filled, and a missing value is seen", () => {
  assert.equal(
    fill("%(app)s is %(done)s%% done on {server}", { app: "shop", done: 7, server: "web-1" }),
    "shop is 7% done on web-1",
  )
  assert.equal(fill("{name} %(who)s", {}), "{name} %(who)s")
  assert.equal(fill("%(x)s", { x: "$& <b>" }), "$& <b>")
})

function printed(from, to) {
  return Array.from({ length: to - from + 1 }, (_, at) => ({ q: from + at, ms: (from + at) * 10, c: "o", text: "x" }))
}

test("a log holds a window without holes, whichever way it grows", () => {
  const lines = new Lines()

  assert.deepEqual([lines.append(printed(1, MOST + 5)).dropped, lines.first, lines.isAtEnd], [5, 6, true])
  assert.deepEqual([lines.prepend(printed(1, 5)).dropped, lines.first, lines.last, lines.isAtEnd], [5, 1, MOST, false])
  assert.deepEqual(lines.append(printed(MOST + 6, MOST + 7)), { added: [], dropped: 0 })
  assert.equal(lines.head, MOST + 7)
  assert.equal(lines.append(printed(MOST + 1, MOST + 7)).added.length, 7)
  assert.equal(lines.isAtEnd, true)
  lines.replace(printed(100, 300))
  assert.deepEqual([lines.first, lines.has(300), lines.has(301), lines.isAtEnd], [100, true, false, false])
})

test("a window knows the last line of a moment, or says that it does not", () => {
  const lines = new Lines()
  assert.equal(lines.lastBy(50), null)

  lines.append(printed(1, 20))
  assert.deepEqual([5, 10, 99, 1_000].map((ms) => lines.lastBy(ms)), [0, 1, 9, 20])
  lines.replace(printed(8, 12))
  assert.deepEqual([79, 80, 115, 120].map((ms) => lines.lastBy(ms)), [null, 8, 11, null])
})

test("a line is found by its text, not by its colours", () => {
  assert.ok(holds({ text: `${E}[31mNo SPACE${E}[0m left` }, "no space left"))
  assert.ok(!holds({ text: `${E}[31mno` }, "31"))
})

test("few servers have a tab each, of many those that matter", () => {
  const step = (server, status) => ({ key: `switch:${server}`, kind: "switch", server, status, step_id: 1 })
  const head = { key: "build", kind: "build", server: "", status: "succeeded", step_id: 1 }
  const many = Array.from({ length: 30 }, (_, at) => step(`web-${at}`, at % 9 ? "succeeded" : "failed"))
  const names = (state, picked) => tabsOf(state, picked).tabs.map(({ server }) => server)

  assert.deepEqual(names({ steps: [head, step("a", "pending"), step("b", "failed")] }, head), ["", "a", "b"])
  assert.deepEqual(names({ steps: [head, ...many] }, many[5]), ["", "web-0", "web-5", "web-9", "web-18", "web-27"])
})

test("the line that tells what went wrong is the last error that is not empty", () => {
  const line = (q, c, text) => ({ q, c, text })

  assert.equal(tellingLine([line(1, "o", "a"), line(2, "e", "boom"), line(3, "o", "b"), line(4, "e", " ")]).q, 2)
  assert.equal(tellingLine([line(1, "o", "a"), line(2, "m", "")]).q, 1)
  assert.equal(tellingLine([]), null)
})

test("servers that count up are told by their ends", () => {
  assert.equal(fill("%(servers)s run", { servers: ["web-1", "web-2", "web-3", "web-5", "db-1"] }), "web-1 – web-3, web-5, db-1 run")
  assert.equal(fill("%(names)s", { names: ["a1", "a2", "a3"] }), "a1, a2, a3")
  assert.deepEqual(inRuns(["web-9", "web-10", "web-11", "web-01", "web-02", "web-03", "9", "10", "x"]), [
    "web-9 – web-11",
    "web-01 – web-03",
    "9",
    "10",
    "x",
  ])
})
