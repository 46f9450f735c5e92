// A page that shows no room hears the reader's rooms all the same: they are counted in the rail and in the tab's title,
// and call as they do on a room's page.

import { News } from "./news.js"
import { Notify } from "./notify.js"
import { Speaker } from "./speaker.js"

/** Follow all that `boot` names; `heard()` hears that something happened somewhere. Returns the tab's `Notify`. */
export function hearRooms({ you, alerts, person, rooms }, feed, urls, heard = () => {}) {
  const notify = new Notify()
  const speaker = new Speaker(null, (url) => location.assign(url))
  const news = new News(you, alerts, { speaker, notify, urls, heard })
  feed.on("read", ({ room }) => news.read(room))
  const learn = (events) => events.forEach((event) => event.k === "alerts" && news.learn(event.d))
  feed.follow(
    `person:${you.id}`,
    {
      apply(events) {
        learn(events)
        for (const event of events) news.tellPrivate(event)
      },
      restart: ({ last }) => learn(last),
    },
    person,
  )
  for (const each of rooms) news.follow(feed, each)
  return notify
}
