// Single keys outside text fields. They can be switched off, and each has a button that does the same.

const STORE = "letters"

/** `acts`: key → function. `toggle` is the checkbox that switches single letters off. */
export function listen(acts, toggle) {
  const isOn = () => localStorage.getItem(STORE) !== "off"
  toggle.checked = isOn()
  toggle.addEventListener("change", () => localStorage.setItem(STORE, toggle.checked ? "on" : "off"))
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    const isWriting = event.target.closest("input, textarea, select, [contenteditable], .graph__canvas") !== null
    if (event.key !== "Escape" && (isWriting || !isOn())) return
    const act = acts[event.key]
    if (!act || act() === false) return
    event.preventDefault()
  })
}
