// What goes wrong in one part of the page is reported as any uncaught error is, and ends nothing else.

/** What `act` returns, or what `instead` does when it throws. */
export function contain(act, instead = () => undefined) {
  try {
    return act()
  } catch (error) {
    const report = globalThis.reportError ?? console.error
    report(error)
    return instead()
  }
}
