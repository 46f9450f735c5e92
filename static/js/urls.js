// Where things are, from the addresses that the server gave.

export function urlsFrom({ deployment, log, room }) {
  const logPage = (id, key) =>
    log.replace("/0/", `/${id}/`).replace("STEP", encodeURIComponent(key).replaceAll("%3A", ":"))
  return {
    room: (slug, q) => room.replace("SLUG", encodeURIComponent(slug)) + (q ? `#e${q}` : ""),
    deploymentPage: (id) => deployment.replace("/0/", `/${id}/`),
    logPage,
    findInLog: (id, key, text) => `${logPage(id, key)}find/?q=${encodeURIComponent(text)}`,
    lineUntil: (id, key, ms) => `${logPage(id, key)}until/?ms=${Math.floor(ms)}`,
  }
}
