// What a tab keeps for itself through a reload. It has little room: what does not fit lives as long as the page.

/** Keep a text, or (empty) keep it no more; whether it is kept. */
export function keep(key, text, store = globalThis.sessionStorage) {
  try {
    if (text) store?.setItem(key, text)
    else store?.removeItem(key)
    return true
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error
    return false
  }
}
