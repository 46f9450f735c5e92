// Light or dark: the system decides until the reader does. The choice is a cookie, so that the server's first byte of
// the next page already has it.

const YEAR_S = 365 * 24 * 3600

/** Make a button switch between light and dark. */
export function switchThemeWith(button) {
  if (!button) return
  button.hidden = false
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark"
    document.documentElement.dataset.theme = next
    document.cookie = `theme=${next}; path=/; max-age=${YEAR_S}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`
    document.dispatchEvent(new CustomEvent("themechange"))
  })
}

function isDark() {
  const chosen = document.documentElement.dataset.theme
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches
}
