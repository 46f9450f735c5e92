import assert from "node:assert/strict"
import { test } from "node:test"
import { plain, runs } from "../../static/js/ansi.js"
import { accept, isCommand, isConsole, toSend } from "../../static/js/line.js"
import { Lines, MOST, tellingLine } from "../../static/js/log_lines.js"
import { blocks, mentions, tokens } from "../../static/js/markup.js"
import { format, parse } from "../../static/js/route.js"
import { fill } from "../../static/js/words.js"

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
})

test("places of a sentence are filled, and a missing value is seen", () => {
  assert.equal(
    fill("%(app)s is %(done)s%% done on {server}", { app: "shop", done: 7, server: "web-1" }),
    "shop is 7% done on web-1",
  )
  assert.equal(fill("{name} %(who)s", {}), "{name} %(who)s")
  assert.equal(fill("%(x)s", { x: "$& <b>" }), "$& <b>")
})

test("a log holds its newest lines and finds text through colours", () => {
  const lines = new Lines()
  const many = Array.from({ length: MOST + 5 }, (_, index) => ({ q: index + 1, c: "o", text: `line ${index + 1}` }))

  assert.equal(lines.append(many), 5)
  assert.equal(lines.first, 6)
  assert.deepEqual(lines.prepend([{ q: 5, text: "" }]), [])
  lines.append([{ q: MOST + 6, c: "e", text: `${E}[31mNo SPACE${E}[0m left` }])
  assert.deepEqual(lines.find("no space left"), [MOST + 6])
})

test("the line that tells what went wrong is the last error that is not empty", () => {
  const line = (q, c, text) => ({ q, c, text })

  assert.equal(tellingLine([line(1, "o", "a"), line(2, "e", "boom"), line(3, "o", "b"), line(4, "e", " ")]).q, 2)
  assert.equal(tellingLine([line(1, "o", "a"), line(2, "m", "")]).q, 1)
  assert.equal(tellingLine([]), null)
})
