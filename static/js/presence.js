// Who is here, and who is typing. Both are volatile: what is not said again fades.

import { el, setText } from "./dom.js"
import { paintAvatar } from "./people.js"
import { list, plural, word } from "./words.js"

/** The server says who stopped. Only if that was lost on the way, they stop after so long. */
const TYPING_MS = 60_000
const MOST_FACES = 5

export class Presence {
  #places
  #me
  #here = new Map()
  #typing = new Map()
  #changed

  /** `places`: elements `{avatars: [..], here, company}`; `typing(names)` hears who writes. */
  constructor(places, me, typing) {
    this.#places = places
    this.#me = me
    this.#changed = typing
  }

  /** All who are here, as a picture of the room says. */
  show(people) {
    this.#here.clear()
    this.changed(people)
  }

  /** Somebody came, went, or looks elsewhere. */
  changed(people) {
    for (const person of people) {
      if (person.state === "gone") this.#here.delete(person.id)
      else this.#here.set(person.id, person)
    }
    this.#paint([...this.#here.values()].sort((a, b) => a.name.localeCompare(b.name)))
  }

  #paint(here) {
    for (const avatars of this.#places.avatars) {
      avatars.replaceChildren(...here.slice(0, MOST_FACES).map((person) => face(person)))
    }
    setText(this.#places.here, plural("here", here.length))
    this.#places.here.title = here.map((person) => person.name).join(", ")
    const others = here.map((person) => person.name).filter((name) => name !== this.#me)
    setText(
      this.#places.company,
      others.length ? word("company.names", { names: list(others, 3) }) : word("company.alone"),
    )
  }

  /** People who write just now, as the server said. */
  showTyping(people) {
    const until = Date.now() + TYPING_MS
    const names = people.map((person) => person.name).filter((name) => name !== this.#me)
    for (const name of this.#typing.keys()) if (!names.includes(name)) this.#typing.delete(name)
    for (const name of names) this.#typing.set(name, until)
    this.#tell()
    setTimeout(() => this.#tell(), TYPING_MS + 50)
  }

  /** Somebody's line has come: they are not typing it any more. */
  spoke(name) {
    if (this.#typing.delete(name)) this.#tell()
  }

  #tell() {
    for (const [name, until] of this.#typing) if (until < Date.now()) this.#typing.delete(name)
    this.#changed([...this.#typing.keys()])
  }
}

function face({ name, state }) {
  const avatar = el("span", `avatar avatar--small${state === "idle" ? " is-idle" : ""}`)
  paintAvatar(avatar, name)
  avatar.title = name
  return avatar
}
