// Do a thing once before the next paint, however often it is asked for. A hidden page does not paint: a timer stands in.

const HIDDEN_MS = 100
/** What takes longer than this is done less often, so that the page keeps most of its time for its reader. */
const LIGHT_MS = 6
const SHARE = 4
const MOST_MS = 150

/** A function that runs `act` soon, and once for all calls until then. */
export function coalesced(act) {
  let isDue = false
  let restUntil = 0
  const run = () => {
    if (!isDue) return
    isDue = false
    const begin = performance.now()
    act()
    const took = performance.now() - begin
    restUntil = took > LIGHT_MS ? begin + Math.min(MOST_MS, took * SHARE) : 0
  }
  const ask = () => {
    requestAnimationFrame(run)
    setTimeout(run, HIDDEN_MS)
  }
  return () => {
    if (isDue) return
    isDue = true
    const rest = restUntil - performance.now()
    if (rest > 0) setTimeout(ask, rest)
    else ask()
  }
}
