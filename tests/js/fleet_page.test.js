import assert from "node:assert/strict"
import { test } from "node:test"
import { sheet } from "./paper.js"

/** The page of a server as the server draws it. */
function page(state, text) {
  const field = sheet("input", { class: "form" })
  const result = sheet("section", { class: `result is-${state}`, "data-state": state }, text, sheet("a", {}, "Reload"))
  return { root: sheet("main", {}, sheet("header", { class: "page__head" }, state), result, field), result, field }
}

test("what a visit found takes its place, and nothing else on the page moves", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] })
  const answers = [page("looking", "Visiting it").root, sheet("main"), page("ok", "It is ready.").root]
  let asked = 0
  globalThis.location = { href: "/fleet/servers/web-1/", reload: () => assert.fail("it was loaded anew") }
  globalThis.XMLHttpRequest = class {
    open() {}
    overrideMimeType() {}
    getResponseHeader() {}
    send() {
      asked += 1
      Object.assign(this, { status: 200, response: answers.shift() })
      this.onload()
    }
  }
  const shown = page("looking", "Visiting it")
  document.body.replaceChildren(shown.root)
  shown.field.focus()
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  await import("../../static/js/fleet_page.js")
  for (let second = 0; second < 5; second += 1) {
    await turn()
    t.mock.timers.tick(1_000)
  }

  assert.equal(asked, 3)
  assert.deepEqual([shown.result.dataset.state, shown.result.className], ["ok", "result is-ok"])
  assert.match(document.body.textContent, /^okIt is ready/)
  assert.equal(document.activeElement, shown.field)
})
