// Do a thing once before the next paint, however often it is asked for. A hidden page does not paint: a timer stands in.

const HIDDEN_MS = 100

/** A function that runs `act` soon, and once for all calls until then. */
export function coalesced(act) {
  let isDue = false
  const run = () => {
    if (!isDue) return
    isDue = false
    act()
  }
  return () => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(run)
    setTimeout(run, HIDDEN_MS)
  }
}
