// The line of a page to the server: all that it follows, over a socket, or over long polling where none gets through.

import { Connection } from "./connection.js"
import { csrf } from "./dom.js"
import { Feed } from "./feed.js"
import { freshId } from "./fresh.js"
import { overPolling } from "./transport_poll.js"
import { overSocket } from "./transport_ws.js"
import { language } from "./words.js"

/**
 * `{feed, connection}` from the page's first data; `changed(connection)` hears of its state. `room` is the stream of the
 * room that the page shows, if it shows one. It opens with `connection.start()`.
 */
export function live({ urls, heartbeat_ms: heartbeatMs }, { room, changed = () => {} } = {}) {
  const { socket, poll, send } = urls
  const polling = overPolling({ poll, send, csrf, cursors: () => feed.cursors() })
  const feed = new Feed({ tab: freshId(), lang: language, room }, polling.poke)
  const connection = new Connection(
    { socket: overSocket(socket), poll: polling },
    {
      hello: () => feed.hello(),
      frame: (frame) => feed.frame(frame),
      changed: () => {
        if (!connection.isOpen) feed.closed()
        changed(connection)
      },
    },
    { heartbeatMs },
  )
  addEventListener("online", () => connection.retry())
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && connection.retry())
  return { feed: feed.use(connection), connection }
}
