// The commits that a deployment brings, for a page that was open before anybody knew its revision.

import { clone, setHidden, setText, slots } from "./dom.js"
import { clock } from "./ticker.js"
import { moment } from "./time.js"
import { short } from "./telling.js"
import { dayWords, language, word } from "./words.js"

export class ChangesView {
  #slots
  #root
  #ask
  #known

  /** `ask()` resolves to what chatops/deployments/changes.py answers; `known` is the revision that is drawn already. */
  constructor(root, ask, known) {
    this.#root = root
    this.#slots = slots(root)
    this.#ask = ask
    this.#known = known
  }

  async update({ revision }) {
    if (!revision || revision === this.#known) return
    this.#known = revision
    const told = await this.#ask().catch(() => null)
    if (!told) return void (this.#known = "") // the line is away: the next change asks again
    const { commits, dropped, files, more } = told
    setHidden(this.#root, commits === null)
    this.#slots["commits-list"].replaceChildren(...(commits ?? []).map(row), ...(more ? [rest(more)] : []))
    setHidden(this.#slots["dropped-list"], dropped.length === 0)
    for (const each of this.#slots["dropped-list"].querySelectorAll("[data-commit]")) each.remove()
    this.#slots["dropped-list"].append(...dropped.map(row))
    setText(this.#slots["changes-files"], files ? word("changes.files", files) : "")
  }
}

function row({ revision, subject, author, at }) {
  const made = clone("commit")
  const into = slots(made)
  into.subject.textContent = subject
  into.commit.textContent = short(revision)
  into.author.textContent = author
  into["commit-at"].dateTime = at
  into["commit-at"].textContent = moment(at, clock.now(), language, dayWords())
  return made
}

function rest(count) {
  const made = clone("commit")
  slots(made).subject.textContent = word("and_more", { count })
  made.querySelector("small").remove()
  return made
}
