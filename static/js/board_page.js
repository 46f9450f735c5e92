// The board: cells change where they stand when what they say is another, at once when something happens in the reader's
// rooms, else now and then.

import { localTimes } from "./page.js"
import { ConnectionView } from "./connection_view.js"
import { json, slot } from "./dom.js"
import { live } from "./live.js"
import { Lookout } from "./lookout.js"
import { hearRooms } from "./outside.js"
import { clock } from "./ticker.js"
import { urlsFrom } from "./urls.js"
import { usePhrases } from "./words.js"

const boot = json("boot")
const board = document.getElementById("board")
const lookout = new Lookout(
  { address: `cells/${location.search}`, kind: "document", everyMs: boot.every_ms },
  { take: (fresh) => take(fresh.getElementById("board")), answered() {} },
)

/** Put the new picture in the place of the old one: part by part, where it has the same parts. */
function take(fresh) {
  localTimes(fresh)
  const [old, next] = [parts(board), parts(fresh)]
  if ([...old.keys()].join(" ") !== [...next.keys()].join(" ")) return board.replaceChildren(...fresh.childNodes)
  for (const [name, part] of next) if (!part.isEqualNode(old.get(name))) replace(old.get(name), part)
  return undefined
}

function parts(root) {
  return new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]))
}

function replace(old, part) {
  const hadFocus = old.contains(document.activeElement)
  old.replaceWith(part)
  if (hadFocus) part.querySelector("a")?.focus()
}

usePhrases(boot.phrases)
clock.learn(boot.now)
const view = new ConnectionView(
  { label: slot(document.querySelector(".rail"), "connection"), banner: document.getElementById("banner"), app: board },
  { isBehind: () => feed.isBehind, retry: () => connection.retry() },
)
const { feed, connection } = live(boot, { changed: () => view.changed(connection) })
hearRooms(boot, feed, urlsFrom(boot.urls), () => lookout.poke())
connection.start()
lookout.ask()
